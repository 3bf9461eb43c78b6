#![allow(clippy::unwrap_used)]
use std::process::Command;
pub(crate) struct Broker(String);
fn sh(s: &str) -> String {
    String::from_utf8(
        Command::new("bash")
            .arg("-c")
            .arg(s)
            .output()
            .unwrap()
            .stdout,
    )
    .unwrap()
}
impl Broker {
    pub(crate) fn start() -> Self {
        let d = format!("/tmp/um/kafka/f{}", std::process::id());
        let b = Self(d);
        b.restart_();
        b
    }
    pub(crate) fn addr(&self) -> String {
        "127.0.0.1:19192".into()
    }
    fn restart_(&self) {
        sh(&format!(
            "/tmp/um/kafka/start.sh {} 19192; for i in $(seq 100); do kcat -b 127.0.0.1:19192 -L >/dev/null 2>&1 && break; sleep 0.2; done",
            self.0
        ));
    }
    fn signal(&self, s: &str) {
        sh(&format!("kill -{s} $(cat {}/pid)", self.0));
    }
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
        sh(&format!(
            "for i in $(seq 100); do cat /proc/$(cat {0}/pid)/task/*/status | grep '^State' | grep -qv 'T (stopped)' || break; sleep 0.02; done",
            self.0
        ));
    }
    pub(crate) fn thaw(&self) {
        self.signal("CONT")
    }
    pub(crate) fn kill(&mut self) {
        self.signal("KILL")
    }
    pub(crate) fn restart(&mut self) {
        self.restart_()
    }
}
impl Drop for Broker {
    fn drop(&mut self) {
        self.signal("KILL");
    }
}
