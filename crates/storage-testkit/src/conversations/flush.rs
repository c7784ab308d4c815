//! What one flush of a process appends to the streams that run in it.

use chrono::TimeDelta;
use domain::{
    access::Scope,
    clock::Timestamp,
    conversations::{Stream, StreamAppend, StreamEvent, StreamLease, StreamState, TurnEvent},
    store::{StoreError, Tx},
};

use super::{stream_of_eve, talk};
use crate::{Cast, World, assert_conflict, assert_refused, lease_of, open_stream, scopes};

fn append_to(stream: &Stream, events: &[StreamEvent], until: Timestamp) -> StreamAppend {
    StreamAppend {
        tenant_id: stream.tenant_id,
        lease: lease_of(stream),
        events: events.to_vec(),
        lease_expires_at: until,
    }
}

/// Two running streams of Ada, and one of Eve in another tenant.
async fn running(world: &World, cast: &Cast) -> [Stream; 3] {
    let (_, chain) = talk(world, cast, 4).await;
    let [one, two] = [&chain[1], &chain[3]].map(|answer| world.make.stream(answer, &cast.ada));
    world
        .write(&scopes::own(&cast.ada), async |tx| {
            open_stream(tx, &one).await?;
            open_stream(tx, &two).await
        })
        .await;
    [one, two, stream_of_eve(world, cast).await]
}

async fn stored(world: &World, stream: &Stream) -> (Option<Stream>, Vec<StreamEvent>) {
    let read =
        async |tx: &dyn Tx| Ok((tx.streams().get(stream.id).await?, tx.streams().events(stream.id, 0, 100).await?));
    world.read(&Scope::system_in(stream.tenant_id), read).await
}

/// Streams of several tenants are appended to together: each gets its events and a longer lease, and it is
/// told which reader asked to stop. A stream without events has its lease renewed.
pub async fn streams_are_flushed_together(world: World) {
    let cast = world.cast().await;
    let [one, two, theirs] = running(&world, &cast).await;
    let at = world.make.now();
    world.write(&scopes::own(&cast.eve), async |tx| tx.streams().request_stop(theirs.id, at).await).await;
    let now = world.make.clock.advance(TimeDelta::seconds(1));
    let (until, events) = (world.make.in_seconds(99), world.make.events(1..=3));
    let appends =
        [append_to(&one, &events, until), append_to(&theirs, &events[..1], until), append_to(&two, &[], until)];
    let outcomes = world.store.append_streams(&appends).await.unwrap();
    let stops: Vec<bool> = outcomes.into_iter().map(Result::unwrap).collect();
    assert_eq!(stops, [false, true, false]);
    let appended =
        |stream: &Stream, last| Stream { lease_expires_at: until, updated_at: now, last_event: last, ..stream.clone() };
    assert_eq!(stored(&world, &one).await, (Some(appended(&one, 3)), events.clone()));
    let stopping = Stream { stop_requested_at: Some(at), ..appended(&theirs, 1) };
    assert_eq!(stored(&world, &theirs).await, (Some(stopping), events[..1].to_vec()));
    assert_eq!(stored(&world, &two).await, (Some(appended(&two, 0)), Vec::new()));
    assert!(world.store.append_streams(&[]).await.unwrap().is_empty());
}

/// One stream's refusal is no other one's: a lost lease, an ended stream, events that are there, or that
/// leave a gap, and what the schema refuses. What was refused has changed nothing.
pub async fn a_refused_stream_keeps_no_other(world: World) {
    let cast = world.cast().await;
    let [one, two, theirs] = running(&world, &cast).await;
    let (until, events) = (world.make.in_seconds(99), world.make.events(1..=4));
    let first = [append_to(&two, &events[..2], until)];
    assert!(!world.store.append_streams(&first).await.unwrap().pop().unwrap().unwrap());
    let before = stored(&world, &two).await;
    let nul = [StreamEvent { number: 3, event: TurnEvent::TextDelta { text: "a\0b".to_owned() } }];
    let lost =
        StreamAppend { lease: StreamLease { epoch: 7, ..lease_of(&two) }, ..append_to(&two, &events[2..], until) };
    // Under the right lease, but in a tenant that is not the stream's.
    let foreign = StreamAppend { tenant_id: two.tenant_id, ..append_to(&theirs, &events, until) };
    let refused = [
        lost,
        foreign,
        append_to(&two, &events[..2], until),
        append_to(&two, &events[1..], until),
        append_to(&two, &events[3..], until),
        append_to(&two, &nul, until),
    ];
    for (index, append) in refused.into_iter().enumerate() {
        let good = append_to(&one, &world.make.events([index as i64 + 1]), until);
        let mut outcomes = world.store.append_streams(&[append, good]).await.unwrap().into_iter();
        let outcome = outcomes.next().unwrap();
        match index {
            0 | 1 => assert_refused!(outcome, StoreError::Stale),
            5 => assert_refused!(outcome, StoreError::Check(_)),
            _ => assert_conflict(outcome, &["stream_events"]),
        }
        assert!(!outcomes.next().unwrap().unwrap(), "the other stream is flushed");
        assert_eq!(stored(&world, &two).await, before);
    }
    assert_eq!(stored(&world, &theirs).await, (Some(theirs.clone()), Vec::new()));
    assert_eq!(stored(&world, &one).await.1, world.make.events(1..=6));
    let at = world.make.now();
    let finish =
        async |tx: &dyn Tx| tx.streams().finish(lease_of(&two), StreamState::Completed, &events[2..3], at).await;
    world.write(&scopes::own(&cast.ada), finish).await;
    let mut outcomes = world.store.append_streams(&[append_to(&two, &events[3..], until)]).await.unwrap();
    assert_refused!(outcomes.pop().unwrap(), StoreError::Stale);
}

/// A stream may end with all its events in place of those that were appended, under its lease alone.
pub async fn a_stream_ends_with_all_its_events(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let [one, two, theirs] = running(&world, &cast).await;
    let (until, events) = (world.make.in_seconds(99), world.make.events(1..=2_500));
    for stream in [&one, &two, &theirs] {
        for part in [&events[..2], &events[2..7]] {
            let outcome = world.store.append_streams(&[append_to(stream, part, until)]).await.unwrap().pop();
            assert!(!outcome.unwrap().unwrap());
        }
    }
    let (beside, other) = (stored(&world, &two).await, stored(&world, &theirs).await);
    let (at, end) = (world.make.in_seconds(3), StreamState::Completed);
    let lost = StreamLease { epoch: 7, ..lease_of(&one) };
    for lease in [lost, lease_of(&theirs)] {
        let before = stored(&world, &one).await;
        let outcome = world.attempt(&scope, async |tx| tx.streams().finish_whole(lease, end, &events, at).await).await;
        assert_refused!(outcome, StoreError::Stale);
        assert_eq!(stored(&world, &one).await, before);
    }
    let lease = lease_of(&one);
    world.write(&scope, async |tx| tx.streams().finish_whole(lease, end, &events, at).await).await;
    let ended = Stream {
        state: end,
        ended_at: Some(at),
        updated_at: at,
        last_event: 2_500,
        lease_expires_at: until,
        ..one.clone()
    };
    let found = stored(&world, &one).await;
    assert_eq!(found.0, Some(ended));
    assert!(found.1 == events[..found.1.len()] && found.1.len() > 7, "{}", found.1.len());
    let page = async |after| world.read(&scope, async |tx| tx.streams().events(one.id, after, 10).await).await;
    assert_eq!((page(995).await, page(2_495).await), (events[995..1_005].to_vec(), events[2_495..].to_vec()));
    assert_eq!((stored(&world, &two).await, stored(&world, &theirs).await), (beside, other));
    let again = world.attempt(&scope, async |tx| tx.streams().finish_whole(lease, end, &events, at).await).await;
    assert_refused!(again, StoreError::Stale);
}

/// Events of streams that ended before a time are removed, of as many streams as are wanted and of all
/// tenants; those of streams that run or ended later stay, and so do the streams.
pub async fn events_of_ended_streams_are_removed(world: World) {
    let cast = world.cast().await;
    let streams = running(&world, &cast).await;
    let [one, two, theirs] = &streams;
    let (until, events) = (world.make.in_seconds(999), world.make.events(1..=3));
    let appends = [one, two, theirs].map(|stream| append_to(stream, &events, until));
    for outcome in world.store.append_streams(&appends).await.unwrap() {
        outcome.unwrap();
    }
    let end = async |stream: &Stream| {
        let at = world.make.clock.advance(TimeDelta::seconds(60));
        let lease = lease_of(stream);
        let scope = Scope::system_in(stream.tenant_id);
        world.write(&scope, async |tx| tx.streams().finish(lease, StreamState::Completed, &[], at).await).await;
        at
    };
    let remove = async |before, limit| {
        let scope = Scope::system("contract suite");
        world.write(&scope, async |tx| tx.streams().remove_events(before, limit).await).await
    };
    let first = end(theirs).await;
    assert_eq!(remove(first, 9).await, 0, "it ended then, not before");
    let second = end(one).await;
    let later = second + TimeDelta::seconds(1);
    assert_eq!(remove(later, 1).await, 1);
    assert_eq!(remove(later, 9).await, 1);
    assert_eq!(remove(later, 9).await, 0);
    for stream in [one, theirs] {
        let (kept, events) = stored(&world, stream).await;
        assert_eq!((kept.unwrap().last_event, events), (3, Vec::new()));
    }
    assert_eq!(stored(&world, two).await.1, events);
    let scope = scopes::system(&cast.ada);
    let outcome = world.attempt(&scope, async |tx| tx.streams().remove_events(later, 9).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
}

/// Pieces that were written together come back one by one, from any number on, as many as are wanted.
pub async fn pieces_come_back_one_by_one(world: World) {
    let cast = world.cast().await;
    let [stream, ..] = running(&world, &cast).await;
    let pieces = ["Grüße", "", " 世界", "🦀", "\n", "end"];
    let event = |(number, text): (i64, &&str)| StreamEvent {
        number,
        event: match number {
            1 => TurnEvent::ReasoningDelta { text: (*text).to_owned() },
            _ => TurnEvent::TextDelta { text: (*text).to_owned() },
        },
    };
    let events: Vec<StreamEvent> = (1..).zip(&pieces).map(event).collect();
    let until = world.make.in_seconds(99);
    for part in [&events[..4], &events[4..]] {
        world.store.append_streams(&[append_to(&stream, part, until)]).await.unwrap().pop().unwrap().unwrap();
    }
    for (after, limit) in [(0, 100), (0, 2), (1, 1), (2, 3), (3, 3), (4, 1), (5, 9), (6, 9), (i64::MAX, 9)] {
        let read = async |tx: &dyn Tx| tx.streams().events(stream.id, after, limit).await;
        let found = world.read(&scopes::own(&cast.ada), read).await;
        let wanted = events.iter().filter(|event| event.number > after).take(limit as usize);
        assert!(found.iter().eq(wanted), "after {after}, at most {limit}: {found:?}");
    }
}
