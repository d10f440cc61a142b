//! A participant: its processes come and go, and each calls.

mod application;
mod relay_directory;
mod shared_log;
mod sim_network;
mod token_issuer;

use std::sync::Arc;

use holdline_core::Timestamp;
use holdline_dev_relay::Guard;
use holdline_quinn::{Call, CallConfig, Trust};

use self::application::Application;
use self::relay_directory::RelayDirectory;
pub(crate) use self::shared_log::SharedLog;
use self::sim_network::SimNetwork;
use self::token_issuer::TokenIssuer;
use super::clock::{self, Clock};
use super::packet_network::PacketNetwork;
use super::relay_address::relay_url;
use crate::run_log::CallLog;
use crate::script::{Script, name};

/// What becomes of a participant. Its processes come and go; what they saw stays.
#[derive(Clone)]
pub(crate) struct Participant {
    pub(crate) who: usize,
    pub(crate) script: Arc<Script>,
    pub(crate) packet_network: PacketNetwork,
    pub(crate) trust: Trust,
    /// Of its relays, if they want to see tokens.
    pub(crate) guard: Option<Arc<Guard>>,
    pub(crate) shared_log: SharedLog,
}

impl Participant {
    /// One process, from its beginning until everything is over or it is killed: call by call.
    pub(crate) async fn live(self) -> turmoil::Result {
        clock::sleep_until(self.script.begins(self.who).0).await;
        while let Some(calls_again) = self.call().await? {
            clock::sleep_until(calls_again).await;
        }
        Ok(())
    }

    /// One call; when the next one is to begin, if it is hung up before everything is over.
    async fn call(&self) -> turmoil::Result<Option<u64>> {
        let (who, script) = (self.who, &self.script);
        let life = self.shared_log.open().lives.len();
        let (packet_network, clock) = (self.packet_network.clone(), Clock::here());
        let network = SimNetwork { packet_network, script: Arc::clone(script), who, clock };
        let mut config = CallConfig::new(relay_url(0), "room", name(who))
            .trust(self.trust.clone())
            .seed(script.seed(who, life));
        for relay in 1..script.topology.relays as usize {
            config = config.relay(relay_url(relay));
        }
        if let Some(guard) = self.guard.clone() {
            config =
                config.credential_provider(TokenIssuer { who, script: Arc::clone(script), guard });
        }
        if script.conditions.have_directory() {
            config = config.relay_provider(RelayDirectory { who, script: Arc::clone(script) });
        }
        self.shared_log.open().lives.push(CallLog {
            since: now(),
            incarnation: script.first_epoch(who, life, clock::now()),
            ..CallLog::default()
        });
        let call = Call::connect_on(Arc::new(network), config)?;
        let mut application =
            Application::new(call, Arc::clone(script), (who, life), self.shared_log.clone());
        application.begin()?;
        let calls_again = application.run().await?;
        application.end().await;
        Ok(calls_again)
    }
}

fn now() -> Timestamp {
    Timestamp::from_micros(clock::now())
}
