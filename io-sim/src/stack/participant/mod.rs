//! A participant's host: its processes start and stop, and each makes calls.

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
use crate::script::{Script, participant_name};

/// A participant's host. Its processes start and stop; its log remains.
#[derive(Clone)]
pub(crate) struct ParticipantHost {
    pub(crate) who: usize,
    pub(crate) script: Arc<Script>,
    pub(crate) packet_network: PacketNetwork,
    pub(crate) trust: Trust,
    /// The token checks of its relays, if they require tokens.
    pub(crate) guard: Option<Arc<Guard>>,
    pub(crate) shared_log: SharedLog,
}

impl ParticipantHost {
    /// Runs one process call by call, until the end of the run or until it is killed.
    pub(crate) async fn run(self) -> turmoil::Result {
        clock::sleep_until(self.script.starts(self.who).0).await;
        while let Some(calls_again) = self.run_call().await? {
            clock::sleep_until(calls_again).await;
        }
        Ok(())
    }

    /// Runs one call. Returns when the next one starts, if the user hangs up before the end of the
    /// run.
    async fn run_call(&self) -> turmoil::Result<Option<u64>> {
        let (who, script) = (self.who, &self.script);
        let call_index = self.shared_log.lock().calls.len();
        let (packet_network, clock) = (self.packet_network.clone(), Clock::here());
        let network = SimNetwork { packet_network, script: Arc::clone(script), who, clock };
        let mut config = CallConfig::new(relay_url(0), "room", participant_name(who))
            .trust(self.trust.clone())
            .seed(script.seed(who, call_index));
        for relay in 1..script.topology.relays as usize {
            config = config.relay(relay_url(relay));
        }
        if let Some(guard) = self.guard.clone() {
            config =
                config.credential_provider(TokenIssuer { who, script: Arc::clone(script), guard });
        }
        if script.conditions.uses_directory() {
            config = config.relay_provider(RelayDirectory { who, script: Arc::clone(script) });
        }
        self.shared_log.lock().calls.push(CallLog {
            since: now(),
            incarnation: script.first_epoch(who, call_index, clock::now()),
            ..CallLog::default()
        });
        let call = Call::connect_on(Arc::new(network), config)?;
        let mut application =
            Application::new(call, Arc::clone(script), (who, call_index), self.shared_log.clone());
        application.start()?;
        let calls_again = application.run().await?;
        application.close().await;
        Ok(calls_again)
    }
}

fn now() -> Timestamp {
    Timestamp::from_micros(clock::now())
}
