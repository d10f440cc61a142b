//! Planted bugs. A campaign that does not find them proves nothing.
//!
//! Without the feature `canaries` there is none in the machine: [`plants`] is `false`, for ever, and the
//! compiler leaves out what depends on it. With it, a build for release is refused.

#[cfg(all(feature = "canaries", not(debug_assertions)))]
compile_error!("the feature `canaries` plants bugs: it cannot be on in a release");

use crate::config::Config;

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// Being connected is success enough: the budget is whole again at once (R8).
    BudgetResetOnConnect,
    /// The end of a session that was left long ago ends the one that is there.
    OutdatedSessionBelieved,
    /// A frame that comes again is delivered again.
    RepeatedFrameDelivered,
    /// What is missing is not told.
    GapUntold,
    /// A new session does not follow the participants that the one before it followed.
    FollowingForgotten,
    /// Only what comes in is watched, not whether what goes out arrives.
    UplinkUnwatched,
    /// What is missing is waited for, but never asked for.
    RepairNotAsked,
    /// A recovery may take ten times as long as the policy says.
    WindowOverrun,
}

impl Canary {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::BudgetResetOnConnect,
        Self::OutdatedSessionBelieved,
        Self::RepeatedFrameDelivered,
        Self::GapUntold,
        Self::FollowingForgotten,
        Self::UplinkUnwatched,
        Self::RepairNotAsked,
        Self::WindowOverrun,
    ];
}

/// Whether that bug is planted in this call.
#[cfg(feature = "canaries")]
pub(crate) fn plants(config: &Config, canary: Canary) -> bool {
    config.canary == Some(canary)
}

/// Whether that bug is planted in this call: never.
#[cfg(not(feature = "canaries"))]
pub(crate) const fn plants(_: &Config, _: Canary) -> bool {
    false
}
