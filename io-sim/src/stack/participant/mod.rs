//! A participant: its processes come and go, and each calls.

mod application;
mod diary;
mod directory;
mod issuer;
mod network;

use std::sync::Arc;

use holdline_core::Timestamp;
use holdline_dev_relay::Guard;
use holdline_quinn::{Call, CallConfig, Trust};

use self::application::Application;
pub(crate) use self::diary::Diary;
use self::directory::Directory;
use self::issuer::Issuer;
use self::network::SimNetwork;
use super::clock::{self, Clock};
use super::ether::Ether;
use super::relay_address::url;
use crate::record::Life;
use crate::script::{Script, name};

/// What becomes of a participant. Its processes come and go; what they saw stays.
#[derive(Clone)]
pub(crate) struct Participant {
    pub(crate) who: usize,
    pub(crate) script: Arc<Script>,
    pub(crate) ether: Ether,
    pub(crate) trust: Trust,
    /// Of its relays, if they want to see tokens.
    pub(crate) guard: Option<Arc<Guard>>,
    pub(crate) diary: Diary,
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
        let life = self.diary.open().lives.len();
        let (ether, clock) = (self.ether.clone(), Clock::here());
        let network = SimNetwork { ether, script: Arc::clone(script), who, clock };
        let mut config = CallConfig::new(url(0), "room", name(who))
            .trust(self.trust.clone())
            .seed(script.seed(who, life));
        for relay in 1..script.topology.relays as usize {
            config = config.relay(url(relay));
        }
        if let Some(guard) = self.guard.clone() {
            config = config.credential_provider(Issuer { who, script: Arc::clone(script), guard });
        }
        if script.conditions.have_directory() {
            config = config.relay_provider(Directory { who, script: Arc::clone(script) });
        }
        self.diary.open().lives.push(Life {
            since: now(),
            incarnation: script.first_epoch(who, life, clock::now()),
            ..Life::default()
        });
        let call = Call::connect_on(Arc::new(network), config)?;
        let mut application =
            Application::new(call, Arc::clone(script), (who, life), self.diary.clone());
        application.begin()?;
        let calls_again = application.run().await?;
        application.end().await;
        Ok(calls_again)
    }
}

fn now() -> Timestamp {
    Timestamp::from_micros(clock::now())
}
