//! Chains in order: a table of scenes, and what becomes of each chain.

use super::*;

const EPOCH: u32 = 100;

/// What a scene says of a partition; stores 1 to 4 are here, those from 5 on are away.
#[derive(Default)]
struct Scene {
    log_start: Option<i64>,
    /// Name (epoch, store), start, end, replaces.
    chains: Vec<ChainRecord>,
    reservations: Vec<ReservationRecord>,
}

fn id(epoch: u32, of: u32) -> ChainId {
    ChainId { epoch, sequence: 0, store: store(of) }
}

fn partition() -> PartitionId {
    PartitionId { topic: Uuid::from_u128(7), index: 0 }
}

fn chain(id: ChainId, start: i64, end: Option<i64>) -> ChainRecord {
    ChainRecord {
        partition: partition(),
        id,
        counts_as: id,
        version: 1,
        start,
        end,
        segments: vec![SegmentSummary { base_offset: start, len: 1, max_timestamp: 0 }],
        replaces: Vec::new(),
        leader_epochs: Vec::new(),
    }
}

fn copy(id: ChainId, start: i64, end: i64, replaces: &[ChainId]) -> ChainRecord {
    let counts_as = *replaces.iter().max().unwrap();
    ChainRecord { counts_as, replaces: replaces.to_vec(), ..chain(id, start, Some(end)) }
}

fn reserved(chain: ChainId, start: i64, end: i64) -> ReservationRecord {
    ReservationRecord { partition: partition(), chain, start, end }
}

/// The view as text: `epoch@store start..end`, with `?` where the store is away and `..` where the chain goes on.
fn seen(scene: Scene) -> String {
    let is_here = |store: StoreId| store.get() < 5;
    let record = scene.log_start.map(|log_start| PartitionRecord { id: partition(), log_start, cleaned_to: 0 });
    let view = super::partition::resolve(record, scene.chains, &scene.reservations, &is_here, EPOCH);
    let name = |id: ChainId| format!("{}@{}", id.epoch, id.store.get());
    let mut parts: Vec<String> = Vec::new();
    for chain in &view.chains {
        let end = chain.end.map_or_else(String::new, |end| end.to_string());
        let away = if chain.is_here { "" } else { "?" };
        parts.push(format!("{}{away} {}..{end}", name(chain.row.id), chain.row.start));
    }
    parts.push(format!("start {}", view.log_start));
    parts.push(view.next_offset.map_or_else(|| "open".into(), |next| format!("next {next}")));
    parts.extend(view.obsolete.iter().map(|id| format!("-{}", name(*id))));
    parts.extend(view.conflicts.iter().map(|found| format!("!{} {:?}", name(found.chain), found.offsets)));
    parts.join(", ")
}

fn check(what: &str, chains: Vec<ChainRecord>, reservations: Vec<ReservationRecord>, expected: &str) {
    assert_eq!(seen(Scene { log_start: None, chains, reservations }), expected, "{what}");
}

#[test]
fn chains_end_where_the_next_one_starts() {
    check("nothing", vec![], vec![], "start 0, next 0");
    let one = || chain(id(1, 1), 0, Some(500));
    check(
        "one after the other",
        vec![chain(id(2, 2), 500, None), one()],
        vec![],
        "1@1 0..500, 2@2 500.., start 0, open",
    );
    check("a gap", vec![one(), chain(id(2, 2), 900, Some(950))], vec![], "1@1 0..500, 2@2 900..950, start 0, next 950");
    let cut = vec![chain(id(1, 1), 0, None), chain(id(1, 2), 400, Some(450))];
    check("what was written and never acknowledged is cut", cut, vec![], "1@1 0..400, 1@2 400..450, start 0, next 450");
    let nothing = vec![chain(id(1, 1), 0, None), chain(id(1, 2), 0, Some(450))];
    check("nothing was acknowledged", nothing, vec![], "1@2 0..450, start 0, next 450, -1@1");
    check("chains that are left begin later", vec![chain(id(2, 2), 500, None)], vec![], "2@2 500.., start 500, open");
}

#[test]
fn a_store_that_is_away_leaves_its_offsets_unreadable() {
    let sealed = chain(id(1, 5), 0, Some(500));
    let expected = "1@5? 0..500, start 0, next 500";
    check("sealed", vec![sealed.clone()], vec![], expected);
    let open = chain(id(2, 5), 500, None);
    let both = || vec![sealed.clone(), open.clone()];
    let reservation = reserved(open.id, 500, 10_000);
    let expected = "1@5? 0..500, 2@5? 500..10000, start 0, next 10000";
    check("open, up to its reservation", both(), vec![reservation], expected);
    check("of which only the reservation is known", vec![sealed.clone()], vec![reservation], expected);
    let mut later = both();
    later.push(chain(id(3, 1), 10_000, None));
    let expected = "1@5? 0..500, 2@5? 500..10000, 3@1 10000.., start 0, open";
    check("another one has begun", later, vec![reservation], expected);
    let far = format!("2@5? 500..{0}, start 500, next {0}", 500 + (1_i64 << 40));
    check("open, without a reservation", vec![open], vec![], &far);
}

#[test]
fn a_store_that_is_back_is_cut_where_the_others_went_on() {
    let chains = vec![chain(id(1, 1), 0, None), chain(id(2, 2), 10_000, None)];
    let expected = "1@1 0..10000, 2@2 10000.., start 0, open";
    check("still open", chains, vec![reserved(id(1, 1), 0, 10_000)], expected);
    let chains = vec![chain(id(1, 1), 0, Some(700)), chain(id(2, 2), 10_000, None)];
    check("recovered", chains, vec![], "1@1 0..700, 2@2 10000.., start 0, open");
}

#[test]
fn what_an_earlier_chain_has_beyond_the_start_of_a_later_one_was_never_acknowledged() {
    let known = || vec![chain(id(1, 1), 0, Some(100)), chain(id(3, 2), 100, Some(300))];
    let with = |chain: ChainRecord| [known(), vec![chain]].concat();
    let expected = "1@1 0..100, 3@2 100..300, start 0, next 300";
    check("away", with(chain(id(2, 5), 200, None)), vec![reserved(id(2, 5), 200, 900)], expected);
    check("only reserved", known(), vec![reserved(id(2, 5), 200, 900)], expected);
    check("back", with(chain(id(2, 4), 200, None)), vec![], &format!("{expected}, -2@4"));
    let sealed = with(chain(id(2, 4), 200, Some(250)));
    check("sealed when it was alone", sealed, vec![], &format!("{expected}, !2@4 200..250"));
}

#[test]
fn a_reservation_of_a_chain_that_its_store_does_not_know_is_void() {
    let sealed = || vec![chain(id(1, 1), 0, Some(500))];
    check("of an earlier start", sealed(), vec![reserved(id(2, 1), 500, 9_000)], "1@1 0..500, start 0, next 500, -2@1");
    let expected = "1@1 0..500, start 0, next 500";
    check(
        "of this start it may be registered any moment",
        sealed(),
        vec![reserved(id(EPOCH, 1), 500, 9_000)],
        expected,
    );
}

#[test]
fn a_copy_takes_the_place_of_what_it_names() {
    let (a, b) = (|of| chain(id(1, of), 0, Some(300)), |of| chain(id(2, of), 300, Some(500)));
    let after = || chain(id(3, 1), 500, None);
    let copied = |of, from: &[ChainId]| copy(id(4, of), 0, 500, from);
    let here = vec![a(1), b(2), copied(3, &[id(1, 1), id(2, 2)]), after()];
    check("both are here", here, vec![], "4@3 0..500, 3@1 500.., start 0, open, -1@1, -2@2");
    let done = vec![copied(3, &[id(1, 1), id(2, 2)]), after()];
    check("what it replaces is gone", done, vec![], "4@3 0..500, 3@1 500.., start 0, open");
    let away = vec![a(1), b(2), copied(5, &[id(1, 1), id(2, 2)]), after()];
    check("it is away", away, vec![], "1@1 0..300, 2@2 300..500, 3@1 500.., start 0, open");
    let half = vec![a(1), copied(5, &[id(1, 1), id(2, 2)]), after()];
    check("it is away, and half of the old is gone", half, vec![], "4@5? 0..500, 3@1 500.., start 0, open");
    let again = ChainRecord { counts_as: id(2, 2), ..copy(id(5, 2), 0, 500, &[id(4, 3)]) };
    let twice = vec![a(1), b(2), copied(3, &[id(1, 1), id(2, 2)]), again, after()];
    check("a copy of a copy", twice, vec![], "5@2 0..500, 3@1 500.., start 0, open, -1@1, -2@2, -4@3");
}

#[test]
fn what_lies_below_the_log_start_is_obsolete() {
    let chains = || vec![chain(id(1, 5), 0, Some(300)), chain(id(2, 2), 300, Some(500)), chain(id(3, 1), 500, None)];
    let of = |log_start, chains| seen(Scene { log_start: Some(log_start), chains, ..Scene::default() });
    assert_eq!(of(299, chains()), "1@5? 0..300, 2@2 300..500, 3@1 500.., start 299, open");
    assert_eq!(of(300, chains()), "2@2 300..500, 3@1 500.., start 300, open, -1@5");
    assert_eq!(of(600, chains()), "3@1 500.., start 600, open, -1@5, -2@2");
    assert_eq!(of(500, chains()[..2].to_vec()), "start 500, next 500, -1@5, -2@2");
    assert_eq!(of(0, vec![chain(id(2, 2), 300, Some(500))]), "2@2 300..500, start 300, next 500");
}

#[test]
fn two_stores_that_were_each_alone_lose_nothing_silently() {
    let chains = vec![chain(id(1, 1), 0, Some(510)), chain(id(1, 2), 500, Some(900)), chain(id(2, 1), 510, Some(700))];
    let expected = "1@1 0..500, 1@2 500..510, 2@1 510..700, start 0, next 900, !1@1 500..510, !1@2 510..900";
    check("the next chain begins behind all of it", chains.clone(), vec![], expected);
    let start = Scene { log_start: Some(800), chains: chains.clone(), ..Scene::default() };
    assert_eq!(seen(start), "start 800, next 900, -1@1, -2@1, !1@2 800..900");
    assert_eq!(
        seen(Scene { log_start: Some(900), chains, ..Scene::default() }),
        "start 900, next 900, -1@1, -1@2, -2@1"
    );
}

#[test]
fn an_offset_finds_its_chain_or_the_next_one() {
    let view = super::partition::resolve(
        None,
        vec![chain(id(1, 1), 10, Some(20)), chain(id(2, 5), 30, Some(40)), chain(id(3, 1), 40, None)],
        &[],
        &|store| store.get() < 5,
        EPOCH,
    );
    let epoch = |offset| view.chain_for(offset).map(|chain| chain.row.id.epoch);
    let found: Vec<_> = [0, 10, 19, 20, 30, 39, 40, i64::MAX].into_iter().map(epoch).collect();
    assert_eq!(found, [1, 1, 1, 2, 2, 2, 3, 3].map(Some));
}
