//! What the engine has asked for and not got yet, and whether it wants more: between the task that takes in its packets
//! and the thread that answers.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::wire::{Packet, PacketType};

/// Why a call ends, from the engine's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It has all it wants.
    Finished,
    /// It said or did something that ends the call.
    Refused(String),
    /// It hung up.
    Gone,
}

/// The files asked for. Each can be asked for once, so that there are never more than there are files.
#[derive(Debug, Default)]
pub(super) struct Requests {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// By id, whether it can be asked for.
    offered: Vec<bool>,
    asked: BTreeSet<u32>,
    end: Option<End>,
}

impl Requests {
    /// Gives the next id, and says whether its content can be asked for.
    pub(super) fn offer(&self, is_file: bool) -> Result<(), End> {
        let mut state = self.state();
        state.offered.push(is_file);
        state.end.clone().map_or(Ok(()), Err)
    }

    /// Takes in a packet of the engine; `false` when no other one matters.
    pub(super) fn take(&self, packet: &Packet) -> bool {
        match PacketType::try_from(packet.kind) {
            Ok(PacketType::PacketReq) => {
                let mut state = self.state();
                let offered = usize::try_from(packet.id).ok().and_then(|index| state.offered.get_mut(index));
                if offered.is_none_or(|offered| !std::mem::take(offered)) {
                    drop(state);
                    self.end(End::Refused(format!("invalid file id {}", packet.id)));
                    return false;
                }
                state.asked.insert(packet.id);
                drop(state);
                self.changed.notify_one();
                return true;
            }
            Ok(PacketType::PacketFin) => self.end(End::Finished),
            Ok(PacketType::PacketErr) => {
                let text = String::from_utf8_lossy(&packet.data);
                self.end(End::Refused(format!("error from receiver: {text}")));
            }
            Ok(PacketType::PacketStat | PacketType::PacketData) | Err(_) => {
                self.end(End::Refused(format!("unexpected packet of type {}", packet.kind)));
            }
        }
        false
    }

    /// Ends the call, unless it has ended.
    pub(super) fn end(&self, end: End) {
        self.state().end.get_or_insert(end);
        self.changed.notify_one();
    }

    /// The next file to send: the first one behind the last one, so that files of a folder come together. `None` when
    /// nothing is asked for at the moment.
    pub(super) fn next(&self, last: u32) -> Result<Option<u32>, End> {
        self.state().next(last)
    }

    /// The same, but waits.
    pub(super) fn wait(&self, last: u32) -> Result<u32, End> {
        let mut state = self.state();
        loop {
            if let Some(id) = state.next(last)? {
                return Ok(id);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self, last: u32) -> Result<Option<u32>, End> {
        if let Some(end) = &self.end {
            return Err(end.clone());
        }
        let next = self.asked.range(last..).next().or_else(|| self.asked.first()).copied();
        if let Some(id) = next {
            self.asked.remove(&id);
        }
        Ok(next)
    }
}
