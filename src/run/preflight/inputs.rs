//! What the checks of a build's inputs tell those of its destinations, each as soon as it is known.

use tokio::sync::oneshot;

use super::labels::Base;
use super::unchanged::Told;

/// Tells; who is not told knows it when this is gone.
pub(super) struct Tell {
    pub(super) unchanged: oneshot::Sender<Option<Told>>,
    pub(super) base: oneshot::Sender<Option<Base>>,
}

/// Is told.
pub(super) struct Inputs {
    pub(super) unchanged: oneshot::Receiver<Option<Told>>,
    pub(super) base: oneshot::Receiver<Option<Base>>,
}

impl Inputs {
    /// Of a build.
    pub(super) fn channel() -> (Tell, Self) {
        let ((tell_unchanged, unchanged), (tell_base, base)) = (oneshot::channel(), oneshot::channel());
        (Tell { unchanged: tell_unchanged, base: tell_base }, Self { unchanged, base })
    }

    /// Where nothing is built.
    pub(super) fn none() -> Self {
        Self::channel().1
    }
}
