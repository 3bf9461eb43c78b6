//! From the parser's answer to the event's `metadata.agent`.

use user_metadata_events::{Agent, AgentDevice, AgentOs, Bot, ClientKind, NameVersion};
use user_metadata_ua::{Client, ClientKind as Kind, Device};

/// All that is known of the client, in parts; `None` if nothing is.
pub(crate) fn agent(client: Client) -> Option<Agent> {
    let mut agent = Agent::default();
    agent.browser = client
        .browser
        .map(|browser| NameVersion::new(browser.name, browser.version));
    agent.os = client.os.map(|os| {
        let mut agent_os = AgentOs::new(os.name, os.version);
        agent_os.version_frozen = os.version_frozen;
        agent_os
    });
    agent.device = device(client.device);
    agent.client = client.kind.and_then(kind);
    agent.bot = client.bot.map(Bot::new);
    (agent != Agent::default()).then_some(agent)
}

fn device(device: Device) -> Option<AgentDevice> {
    let mut agent_device = AgentDevice::default();
    agent_device.kind = device.kind.map(|kind| kind.as_str().to_owned());
    agent_device.vendor = device.vendor;
    agent_device.model = device.model;
    (agent_device != AgentDevice::default()).then_some(agent_device)
}

const fn kind(kind: Kind) -> Option<ClientKind> {
    match kind {
        Kind::Browser => Some(ClientKind::Browser),
        Kind::App => Some(ClientKind::App),
        Kind::Library => Some(ClientKind::Library),
        Kind::Bot => Some(ClientKind::Bot),
        _ => None,
    }
}
