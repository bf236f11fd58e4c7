//! Fills a scratch database with a record of many events, seals and verifies it, and measures its pages.
//!
//! `DATABASE_URL=… cargo run -p engine --example audit_scale [EVENTS]`, or `end2end/scale/audit.sh`, which makes the
//! database. Figures worth keeping go into `docs/performance.md`.

use std::{
    io::{Write as _, stdout},
    time::{Duration, Instant},
};

use engine::{
    audit::{
        self, RecordReader,
        verify::{LastVerification, Range, verify},
    },
    db::Db,
};
use model::{Actor, Timestamp, actor::ActorKind, record::ListEvents};

/// A page, by the number of the round.
type Asked = Box<dyn Fn(usize) -> ListEvents>;

/// How often each page is asked for.
const ROUNDS: usize = 100;

/// Acts over a year; each is two events. Some values are common, some rare, as they are in life.
const FILL: &str = "
    INSERT INTO audit_events (id, at, actor, actor_kind, actor_groups, request_id, address, verb, object, environment,
        app, control_plane, outcome_of, outcome, reason, details)
    SELECT md5(n || ':' || part)::uuid, timestamptz '2025-11-24' + act * interval '63 seconds' + part * interval '9 s',
        'person-' || floor(200 * (act * 7919 % 1000 / 1000.0) ^ 3), 'person', '{storefront}', md5('request' || act),
        '10.2.14.' || act % 250, (ARRAY['sync', 'refresh', 'terminate', 'approve', 'promote'])[1 + act % 97 % 5],
        'application mgmt/argocd/app-' || act % 3001, (ARRAY['dev', 'staging', 'prod', 'sandbox'])[1 + act % 53 % 4],
        'app-' || act % 1009, 'mgmt', CASE WHEN part = 1 THEN md5((n - 1) || ':0')::uuid END,
        CASE WHEN part = 0 THEN 'requested' WHEN act % 50 = 0 THEN 'denied' WHEN act % 41 = 0 THEN 'failed'
            ELSE 'succeeded' END,
        CASE WHEN act % 41 = 0 THEN 'the job reached its backoff limit' ELSE '' END,
        CASE WHEN part = 0 THEN jsonb_build_object('prune', act % 3 = 0, 'revision_before', md5(act::text)) ELSE '{}' END
    FROM (SELECT n, n / 2 AS act, n % 2 AS part FROM generate_series($1::bigint, $2::bigint - 1) AS n) AS numbers";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let events = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse::<i64>())?;
    let db = Db::connect(&std::env::var("DATABASE_URL")?).await?;
    let took = fill(&db, events).await?;
    say(&format!("{events} events written in {:.0} s", took.as_secs_f64()))?;
    let begin = Instant::now();
    while audit::chain::seal(&db).await? > 0 {}
    say(&format!("sealed in {:.0} s", begin.elapsed().as_secs_f64()))?;
    sqlx::raw_sql("VACUUM ANALYZE").execute(&mut db.as_owner().await?).await?;
    let begin = Instant::now();
    let found = verify(&mut db.as_owner().await?, Range::default()).await?;
    say(&format!("verified in {:.1} s: {found:?}", begin.elapsed().as_secs_f64()))?;
    pages(&db).await?;
    export(&db).await
}

async fn fill(db: &Db, events: i64) -> Result<Duration, Box<dyn std::error::Error>> {
    let begin = Instant::now();
    let mut owner = db.as_owner().await?;
    for from in (0..events).step_by(50_000) {
        let to = (from + 50_000).min(events);
        sqlx::query(FILL).bind(from).bind(to).execute(&mut owner).await?;
    }
    Ok(begin.elapsed())
}

/// Measures the first page of each filter, and the pages deep in the list.
async fn pages(db: &Db) -> Result<(), Box<dyn std::error::Error>> {
    let any = ListEvents::default;
    let month = |month: i64| Some(Timestamp(1_763_942_400_000 + month * 2_592_000_000));
    let pages: [(&str, Asked); 9] = [
        ("newest", Box::new(move |_| any())),
        ("by time", Box::new(move |n| ListEvents { to: month(n as i64 % 12), ..any() })),
        ("by actor", Box::new(move |n| ListEvents { who: format!("person-{}", n * 2), ..any() })),
        (
            "by actor and time",
            Box::new(move |n| ListEvents {
                who: format!("person-{}", n * 2),
                from: month(n as i64 % 12),
                to: month(n as i64 % 12 + 1),
                ..any()
            }),
        ),
        (
            "by object",
            Box::new(move |n| ListEvents {
                object: format!("application mgmt/argocd/app-{}", n * 29),
                ..any()
            }),
        ),
        (
            "by environment and time",
            Box::new(move |n| ListEvents {
                environment: ["dev", "staging", "prod", "none"][n % 4].into(),
                to: month(n as i64 % 12),
                ..any()
            }),
        ),
        ("by app", Box::new(move |n| ListEvents { app: format!("app-{}", n * 9), ..any() })),
        (
            "by outcome",
            Box::new(move |n| ListEvents {
                outcome: ["denied", "failed", "refused", "requested", "succeeded"][n % 5].into(),
                ..any()
            }),
        ),
        (
            "by actor, action, environment and outcome",
            Box::new(move |n| ListEvents {
                who: format!("person-{}", n % 20),
                verb: "sync".into(),
                environment: "prod".into(),
                outcome: "denied".into(),
                ..any()
            }),
        ),
    ];
    for (name, query) in pages {
        measure(db, name, query).await?;
    }
    Ok(())
}

async fn measure(db: &Db, name: &str, query: Asked) -> Result<(), Box<dyn std::error::Error>> {
    let reader = RecordReader::new(db.clone(), LastVerification::default());
    let (mut times, mut rows) = (Vec::new(), 0);
    for round in 0..ROUNDS {
        let mut query = query(round);
        let mut next = Some(String::new());
        // The first page and the one behind it.
        for _ in 0..2 {
            let Some(cursor) = next else { break };
            query.cursor = cursor;
            let begin = Instant::now();
            let list = reader.list(&admin(), &query).await?;
            times.push(begin.elapsed());
            rows += list.events.len();
            next = list.next_cursor;
        }
    }
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
    say(&format!(
        "{name:45} median {:6.1} ms, p95 {:6.1} ms, worst {:6.1} ms, {rows} rows of {} pages",
        at(0.5),
        at(0.95),
        at(1.0),
        times.len()
    ))
}

async fn export(db: &Db) -> Result<(), Box<dyn std::error::Error>> {
    let reader = RecordReader::new(db.clone(), LastVerification::default());
    let (begin, mut after, mut events) = (Instant::now(), Some(0), 0);
    while let Some(place) = after {
        let part = reader.export(&admin(), &ListEvents::default(), place).await?;
        events += part.events.len();
        after = part.next;
    }
    say(&format!("{events} events read for an export in {:.1} s", begin.elapsed().as_secs_f64()))
}

fn admin() -> Actor {
    Actor {
        name: "admin".into(),
        kind: ActorKind::LocalAdmin,
        groups: Vec::new(),
        request_id: "r".into(),
        address: None,
    }
}

fn say(line: &str) -> Result<(), Box<dyn std::error::Error>> {
    Ok(writeln!(stdout(), "{line}")?)
}
