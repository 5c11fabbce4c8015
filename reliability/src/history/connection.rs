use std::collections::{BTreeMap, VecDeque};

use bitmart_proto::{Side, Topic, limits};
use bitmart_session::time::MILLISECOND;
use bitmart_session::{Cause, ConnectionId, Epoch, Event, GapCause, GapClosed, GapKind, GapOpened};

use super::topic::TopicHistory;
use super::window::Window;
use super::{Rules, Weather};

/// Sockets whose last frame is remembered: what a client says of a socket may come when the next has been dialled.
const KEPT_SOCKETS: usize = 64;

/// Frames whose times are remembered: the end of a gap is one of the last.
const KEPT_FRAMES: usize = 4_096;

/// The window of the exchange's limit of messages on a socket.
const MESSAGES_WINDOW: u64 = limits::MESSAGE_WINDOW_MS * MILLISECOND;

/// One logical connection, as its user sees it.
#[derive(Debug)]
pub(super) struct Connection {
    side: Side,
    topics: BTreeMap<Topic, TopicHistory>,
    // What the events say.
    epoch: Epoch,
    is_open: bool,
    is_authenticated: bool,
    /// The exchange has accepted a login on the present socket.
    is_accepted: bool,
    is_ready: bool,
    is_paused: bool,
    /// It knows itself that what it reads is late: it has just been paused.
    has_paused: bool,
    is_over: bool,
    /// Since when it has been open and looked after.
    attended_since: u64,
    /// What was live on the socket that was lost, until the next attempt is announced.
    unannounced: Vec<Topic>,
    /// The earliest known beginning of the gap that is open, by kind.
    gap_since: BTreeMap<u8, Option<u64>>,
    /// A topic has failed since the gap opened: that may be what ended it.
    has_failed: bool,
    /// When the next attempt was announced for.
    planned: Option<u64>,
    /// Until when it has to be live.
    due: Option<u64>,
    // What the network says.
    /// The last frames of each socket; the present one is the last.
    sockets: VecDeque<Socket>,
    frames: VecDeque<u64>,
    /// When the last item was read, as the client has it.
    last_read: u64,
    commands: VecDeque<u64>,
    messages: Window,
}

/// What has come on a socket.
#[derive(Clone, Copy, Debug, Default)]
struct Socket {
    last: Option<Frame>,
    /// When the last frame came that was read in time.
    in_time: u64,
}

/// When a frame was read, and when it had come.
#[derive(Clone, Copy, Debug)]
struct Frame {
    read: u64,
    came: u64,
    is_seen_late: bool,
    since_at_least: u64,
}

impl Socket {
    /// Whether a gap behind the last frame may begin at `since`.
    fn may_end_at(&self, since: u64) -> bool {
        self.last.is_some_and(|frame| {
            let is_exact = since == frame.read && !frame.is_seen_late;
            is_exact || (frame.came < frame.read && (frame.since_at_least..=frame.came).contains(&since))
        })
    }
}

fn key(kind: GapKind) -> u8 {
    u8::from(kind == GapKind::Overflow)
}

fn keep<T>(list: &mut VecDeque<T>, value: T, most: usize) {
    if list.len() == most {
        list.pop_front();
    }
    list.push_back(value);
}

/// Something went wrong: there must have been a fault.
fn is_explained(at: u64, weather: Weather, event: &Event) -> Result<(), String> {
    ensure(at <= weather.explains_until, || {
        format!("P3: without a fault: {}: {event}", event.name())
    })
}

fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

impl Connection {
    pub(super) fn new(id: ConnectionId) -> Self {
        Self {
            side: id.side,
            topics: BTreeMap::new(),
            epoch: Epoch(0),
            is_open: false,
            is_authenticated: false,
            is_accepted: false,
            is_ready: false,
            is_paused: false,
            has_paused: false,
            is_over: false,
            attended_since: 0,
            unannounced: Vec::new(),
            gap_since: BTreeMap::new(),
            has_failed: false,
            planned: None,
            due: None,
            sockets: VecDeque::new(),
            frames: VecDeque::new(),
            last_read: 0,
            commands: VecDeque::new(),
            messages: Window::default(),
        }
    }

    pub(super) fn topic(&mut self, topic: &Topic) -> &mut TopicHistory {
        // Twice looked up, so that the usual case clones nothing.
        if !self.topics.contains_key(topic) {
            self.topics.insert(topic.clone(), TopicHistory::new());
        }
        self.topics.get_mut(topic).expect("it was put there")
    }

    // The network.

    pub(super) fn dialled(&mut self) -> Result<(), String> {
        keep(&mut self.sockets, Socket::default(), KEPT_SOCKETS);
        self.messages = Window::default();
        self.is_accepted = false;
        ensure(!self.is_over, || "P6: dialled after the end".into())
    }

    pub(super) fn frame(&mut self, at: u64, came: u64, rules: &Rules) {
        if let Some(socket) = self.sockets.back_mut() {
            let knows_itself = self.has_paused && rules.tells_arrivals && at > came;
            let is_seen_late = knows_itself || at > came + rules.blind;
            // It may not have seen the socket dry since it last read in time.
            let since_at_least = match rules.tells_arrivals {
                true => socket.in_time,
                false => socket.in_time.min(came.saturating_sub(rules.blind)),
            };
            let is_in_time = if rules.tells_arrivals {
                at == came
            } else {
                !is_seen_late
            };
            if is_in_time {
                (socket.in_time, self.has_paused) = (at, false);
            }
            socket.last = Some(Frame {
                read: at,
                came,
                is_seen_late,
                since_at_least,
            });
        }
        if self.frames.back() != Some(&at) {
            keep(&mut self.frames, at, KEPT_FRAMES);
        }
    }

    pub(super) fn accepted(&mut self) {
        self.is_accepted = true;
    }

    /// An item was read at `read_at`, the client says.
    pub(super) fn read(&mut self, read_at: u64, is_exact: bool) -> Result<(), String> {
        self.last_read = self.last_read.max(read_at);
        // A decrypted rest may be read later than it came.
        ensure(!is_exact || self.frames.contains(&read_at), || {
            format!("P1: an item was read at {read_at}, when no frame came")
        })
    }

    pub(super) fn transmitted(&mut self, at: u64) -> Result<(), String> {
        let is_lawful = self
            .messages
            .admit(at, limits::MAX_MESSAGES_PER_WINDOW as usize, MESSAGES_WINDOW);
        ensure(is_lawful, || {
            "P6: more messages in ten seconds than the exchange allows".into()
        })
    }

    // The user.

    pub(super) fn wanted(&mut self, at: u64, topic: &Topic, is_calm: bool, allowed: u64) {
        self.topic(topic).is_wanted = true;
        keep(&mut self.commands, at, KEPT_FRAMES);
        if is_calm && !self.is_over {
            self.due = Some(self.due.unwrap_or(0).max(at + allowed));
        }
    }

    pub(super) fn unwanted(&mut self, at: u64, topic: &Topic, latency: u64) {
        keep(&mut self.commands, at, KEPT_FRAMES);
        let read_until = self.read_until(at);
        let entry = self.topic(topic);
        entry.is_wanted = false;
        entry.ends(read_until, latency);
        entry.leaves_gaps(at);
    }

    /// What came later than this has not been looked at yet.
    fn read_until(&self, at: u64) -> u64 {
        let last = self.sockets.iter().filter_map(|socket| socket.last).next_back();
        last.map_or(at, |frame| at.min(frame.came))
    }

    pub(super) fn closed_by_user(&mut self, at: u64, latency: u64) {
        self.is_over = true;
        self.due = None;
        let read_until = self.read_until(at);
        for topic in self.topics.values_mut() {
            topic.ends(read_until, latency);
        }
    }

    pub(super) fn awoke(&mut self, at: u64) {
        self.attended_since = at;
    }

    // Recovery.

    fn is_live(&self) -> bool {
        self.is_open
            && self.is_ready
            && self
                .topics
                .values()
                .all(|topic| !topic.is_wanted || (topic.is_active && !topic.is_in_gap(GapKind::Connection)))
    }

    /// Nothing can be asked for while there is a fault.
    pub(super) fn storm(&mut self) {
        self.due = None;
    }

    /// No fault is in effect from here on.
    pub(super) fn calm(&mut self, at: u64, rules: &Rules) {
        if !self.is_over && !self.is_live() {
            let planned = self.planned.unwrap_or(0).max(at);
            self.due = Some(planned + rules.pending + rules.settle);
        }
    }

    pub(super) fn due(&self) -> Option<u64> {
        self.due
    }

    pub(super) fn overdue(&self, now: u64, rules: &Rules) -> Option<String> {
        if self.is_paused || self.is_over {
            return None;
        }
        if self.due.is_some_and(|due| now > due) {
            return Some(format!("P5: not live again, though it was due at {:?}", self.due));
        }
        let frame = self.sockets.back().and_then(|socket| socket.last);
        let last = frame.map_or(0, |frame| frame.read).max(self.attended_since);
        (self.is_open && now > last + rules.notice)
            .then(|| format!("P5: nothing has come since {last}, and the socket is still held"))
    }

    // What is delivered.

    pub(super) fn epoch_is_open(&self, epoch: Epoch) -> Result<(), String> {
        ensure(self.is_open && epoch == self.epoch, || {
            format!("P1: an item of epoch {epoch} comes outside of it")
        })
    }

    pub(super) fn observe(
        &mut self,
        at: u64,
        event: &Event,
        weather: Weather,
        rules: &Rules,
    ) -> Result<(), String> {
        match event {
            Event::Opened { epoch } | Event::Reconnected { epoch, .. } => self.opens(at, *epoch, event)?,
            Event::Authenticated { epoch } => {
                ensure(self.is_open && *epoch == self.epoch, || {
                    "P4: authenticated while closed".into()
                })?;
                ensure(!self.is_authenticated && self.side == Side::Private, || {
                    "P4: authenticated twice, or without a login".into()
                })?;
                ensure(self.is_accepted || !rules.tells_logins, || {
                    "P4: authenticated, and the exchange has not said so".into()
                })?;
                self.is_authenticated = true;
            }
            Event::Subscribed { epoch, topic } => {
                let may = self.is_open && (self.is_authenticated || self.side == Side::Public);
                ensure(may && *epoch == self.epoch, || {
                    "P4: subscribed before the login".into()
                })?;
                let entry = self.topic(topic);
                ensure(!entry.is_active, || format!("P4: {topic} is subscribed twice"))?;
                entry.is_active = true;
                if !entry.is_in_gap(GapKind::Connection) {
                    entry.begins(at);
                }
            }
            Event::Ready { epoch } => {
                let may = self.is_open && (self.is_authenticated || self.side == Side::Public);
                ensure(may && !self.is_ready && *epoch == self.epoch, || {
                    "P4: ready out of turn".into()
                })?;
                let gap = self.in_gap(GapKind::Connection);
                ensure(gap.is_empty(), || format!("P3: ready, with a gap open: {gap:?}"))?;
                self.is_ready = true;
            }
            Event::SubscribeFailed { topic, .. } | Event::Unsubscribed { topic } => {
                let has_failed = matches!(event, Event::SubscribeFailed { .. });
                self.has_failed |= has_failed;
                let read_until = self.read_until(at);
                let entry = self.topic(topic);
                entry.is_wanted &= !has_failed;
                entry.ends(read_until, rules.latency);
                entry.leaves_gaps(at);
                self.unannounced.retain(|other| other != topic);
            }
            Event::GapOpened(gap) => self.gap_opens(at, gap, weather, rules)?,
            Event::GapClosed(gap) => self.gap_closes(at, gap)?,
            Event::Closed { epoch, cause } => {
                let blames_silence = matches!(
                    cause,
                    Cause::Silent | Cause::LoginTimeout | Cause::AckTimeout { .. }
                );
                ensure(!(self.is_paused && blames_silence), || {
                    "P5: given up for a silence in which nobody listened".into()
                })?;
                ensure(self.is_open && *epoch == self.epoch, || {
                    "P4: closed while closed".into()
                })?;
                if !self.is_over {
                    is_explained(at, weather, event)?;
                }
                self.closes();
            }
            Event::ConnectFailed { .. } => {
                ensure(!self.is_open, || "P4: connecting while open".into())?;
                is_explained(at, weather, event)?;
            }
            Event::Reconnecting { delay_ms, .. } => {
                ensure(!self.is_open, || "P4: connecting while open".into())?;
                self.is_announced()?;
                let planned = at + delay_ms * MILLISECOND;
                self.planned = Some(planned);
                self.due = weather.is_calm.then_some(planned + rules.settle);
            }
            Event::HeldBack { wait_ms } => {
                let planned = at + wait_ms * MILLISECOND;
                self.planned = Some(planned);
                self.due = self.due.map(|due| due.max(planned + rules.settle));
            }
            Event::Paused => self.is_paused = true,
            Event::Resumed => {
                (self.is_paused, self.has_paused, self.attended_since) = (false, true, at);
            }
            event if event.is_terminal() => {
                self.is_announced()?;
                is_explained(at, weather, event)?;
                (self.is_over, self.due) = (true, None);
            }
            _ => {}
        }
        if self.is_live() {
            self.due = None;
        }
        Ok(())
    }

    fn opens(&mut self, at: u64, epoch: Epoch, event: &Event) -> Result<(), String> {
        ensure(!self.is_open && !self.is_over, || "P4: opened out of turn".into())?;
        ensure(epoch.0 == self.epoch.0 + 1, || {
            format!("P1: epoch {epoch} follows {}", self.epoch)
        })?;
        let is_first = matches!(event, Event::Opened { .. });
        ensure(is_first == (epoch.0 == 1), || {
            "P4: the first socket is opened, later ones reconnect".into()
        })?;
        self.is_announced()?;
        (self.epoch, self.is_open, self.attended_since) = (epoch, true, at);
        (self.is_authenticated, self.is_ready, self.planned) = (false, false, None);
        Ok(())
    }

    fn closes(&mut self) {
        (self.is_open, self.is_authenticated, self.is_ready) = (false, false, false);
        for (topic, entry) in &mut self.topics {
            let was_active = std::mem::take(&mut entry.is_active);
            if was_active && entry.is_wanted && !entry.is_in_gap(GapKind::Connection) {
                self.unannounced.push(topic.clone());
            }
        }
    }

    fn gap_opens(&mut self, at: u64, gap: &GapOpened, weather: Weather, rules: &Rules) -> Result<(), String> {
        let kind = gap.cause.kind();
        let since = gap.since.map(|since| since.ns);
        let mut unseen = 0;
        match &gap.cause {
            GapCause::FirstConnect => {
                ensure(self.epoch.0 == 0 && !self.is_open && since.is_none(), || {
                    "P3: a gap for the first connect, which is over".into()
                })?;
            }
            GapCause::Disconnected(_) => {
                ensure(!self.is_open, || {
                    "P3: a gap of the connection, which is open".into()
                })?;
                let mut sockets = self.sockets.iter();
                let socket = sockets.find(|socket| since.is_some_and(|since| socket.may_end_at(since)));
                unseen = socket
                    .and_then(|socket| socket.last)
                    .map_or(0, |frame| frame.read - frame.came);
                // Where frames can't be told from reads, some read will do, if nothing was read after it.
                let is_read = !weather.sees_frames
                    && since.is_some_and(|since| {
                        since >= self.last_read && (self.frames.contains(&since) || since == self.last_read)
                    });
                ensure(socket.is_some() || is_read, || {
                    format!(
                        "P3: a gap begins at {since:?}, which is no socket's last frame: {:?}",
                        self.sockets.iter().rev().take(3).collect::<Vec<_>>()
                    )
                })?;
            }
            GapCause::Overflow { .. } => {
                let overflow = Event::GapOpened(gap.clone());
                is_explained(at, weather, &overflow)?;
            }
            other => return Err(format!("the simulation itself: it doesn't know {other:?}")),
        }
        if self.in_gap(kind).is_empty() {
            self.gap_since.insert(key(kind), since);
            self.has_failed = false;
        } else if let Some(known) = self.gap_since.get_mut(&key(kind)) {
            *known = known.or(since);
        }
        // A standstill that is too short to be seen may have hidden so much.
        let from = since.map_or(0, |since| {
            since.saturating_sub(rules.latency + unseen.min(rules.blind))
        });
        for topic in &gap.topics {
            let entry = self.topic(topic);
            if entry.is_wanted || kind == GapKind::Overflow {
                entry
                    .gap_opens(kind, from, since.unwrap_or(0))
                    .map_err(|broken| format!("{broken}: {topic}"))?;
            }
        }
        self.unannounced.retain(|topic| !gap.topics.contains(topic));
        Ok(())
    }

    fn gap_closes(&mut self, at: u64, gap: &GapClosed) -> Result<(), String> {
        let until = gap.until.ns;
        ensure(until <= at, || {
            format!("P3: a gap ends at {until}, which has not come yet")
        })?;
        if gap.kind == GapKind::Connection {
            // Where nothing of it is left, it may end at any time.
            ensure(self.is_open || gap.topics.is_empty(), || {
                "P3: a gap of the connection ends while it is closed".into()
            })?;
            let is_known = self.has_failed || self.frames.contains(&until) || self.commands.contains(&until);
            ensure(is_known, || {
                format!("P3: a gap ends at {until}, when nothing came")
            })?;
            let silent = gap.topics.iter().find(|topic| {
                self.topics
                    .get(topic)
                    .is_some_and(|entry| entry.is_wanted && !entry.is_active)
            });
            ensure(silent.is_none(), || {
                format!("P3: a gap ends before {silent:?} is acknowledged")
            })?;
            let since = gap.since.map(|since| since.ns);
            let expected = self.gap_since.remove(&key(gap.kind)).flatten();
            // Topics of the first connect's gap that were acknowledged, and lost with all the others, have a beginning by
            // now: the end of a socket.
            let is_later = expected.is_none()
                && since.is_some_and(|since| self.sockets.iter().any(|socket| socket.may_end_at(since)));
            // A gap whose topics have all failed or left meanwhile may be told with its beginning or without.
            ensure(since == expected || is_later || gap.topics.is_empty(), || {
                format!("P3: a gap that began at {expected:?} ends as one of {since:?}")
            })?;
        }
        for topic in &gap.topics {
            let entry = self.topic(topic);
            if entry.is_wanted || gap.kind == GapKind::Overflow {
                entry
                    .gap_closes(gap.kind, until)
                    .map_err(|broken| format!("{broken}: {topic}"))?;
            }
        }
        let left = self.in_gap(gap.kind);
        ensure(left.is_empty(), || format!("P3: a gap ends without {left:?}"))
    }

    fn in_gap(&self, kind: GapKind) -> Vec<&Topic> {
        let is_in = |(_, entry): &(&Topic, &TopicHistory)| entry.is_in_gap(kind);
        self.topics.iter().filter(is_in).map(|(topic, _)| topic).collect()
    }

    fn is_announced(&mut self) -> Result<(), String> {
        let lost: Vec<Topic> = std::mem::take(&mut self.unannounced)
            .into_iter()
            .filter(|topic| self.topics.get(topic).is_some_and(|entry| entry.is_wanted))
            .collect();
        ensure(lost.is_empty(), || format!("P3: lost in silence: {lost:?}"))
    }

    /// Returns how many items were missing.
    pub(super) fn finish(&mut self, at: u64, latency: u64) -> Result<u64, String> {
        let mut missing = 0;
        let is_live = self.is_live();
        ensure(
            is_live || self.is_over || self.topics.values().all(|topic| !topic.is_wanted),
            || "P5: not live at the end".into(),
        )?;
        for (topic, entry) in &mut self.topics {
            missing += entry
                .finish(at, latency)
                .map_err(|broken| format!("{broken} ({topic})"))?;
        }
        Ok(missing)
    }
}
