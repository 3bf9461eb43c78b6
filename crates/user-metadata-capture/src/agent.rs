//! From the parser's answer to the event's `metadata.agent`.

use user_metadata_events::{Agent, AgentDevice, AgentOs, Bot, ClientKind, NameVersion};
use user_metadata_ua::{Client, ClientKind as Kind, Device};

/// All that is known of the client, in parts; `None` if nothing is.
pub(crate) fn agent(client: Client) -> Option<Agent> {
    let mut agent = Agent::default();
    agent.browser = client.browser.map(|browser| NameVersion {
        name: browser.name,
        version: browser.version,
    });
    agent.os = client.os.map(|os| AgentOs {
        name: os.name,
        version: os.version,
        version_frozen: os.version_frozen,
    });
    agent.device = device(client.device);
    agent.client = client.kind.and_then(kind);
    agent.bot = client.bot.map(|name| Bot { name });
    (agent != Agent::default()).then_some(agent)
}

fn device(device: Device) -> Option<AgentDevice> {
    let device = AgentDevice {
        kind: device.kind.map(|kind| kind.as_str().to_owned()),
        vendor: device.vendor,
        model: device.model,
    };
    (device != AgentDevice::default()).then_some(device)
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
