//! What pages show of the fleet, from one snapshot: filtered, sorted, paged and counted here, never in the browser.
//!
//! Pure functions of a snapshot and a moment; the caller has settled who may see what.

use std::{cmp::Ordering, sync::Arc};

use model::{
    Timestamp,
    application::{
        ApplicationId, ApplicationList, ApplicationRow, FacetValue, Facets, ListApplications, OperationState,
        SortBy,
    },
    cluster::{ClusterDetail, ClusterId, ClusterList, ClusterRow},
    history::HistoryEntry,
    overview::{Attention, Counts, Navigation, Overview},
    status::{ControlPlane, Environment, Freshness, Health, Phase, Sync},
};
// Tens of thousands of short keys for each page: a fast hash of no secret.
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::index::{Cluster, Row, Snapshot};

/// How many rows a page has where nothing is said, and at most.
const PER_PAGE: u32 = 50;
const MOST_PER_PAGE: u32 = 200;
/// How many things the overview lists.
const ATTENTION: usize = 20;
/// How long an operation may wait for the controller before that is a trouble, in seconds.
pub const PICK_UP_SECONDS: i64 = 30;
/// The value of the health filter for what is not live.
pub const STALE: &str = "Stale";
/// The value of the environment filter for what has none.
pub const NO_ENVIRONMENT: &str = "none";

/// Draws a row as lists show it.
pub fn application_row(snapshot: &Snapshot, row: &Row, now: Timestamp) -> ApplicationRow {
    ApplicationRow {
        id: row.id.clone(),
        project: row.project.clone(),
        app: row.app.clone(),
        environment: row.environment.clone(),
        cluster: row.cluster.name.clone(),
        namespace: row.destination.namespace.clone(),
        freshness: snapshot.freshness(row).clone(),
        health: row.health,
        sync: row.sync,
        operation: operation_state(row),
        version: row.version.clone(),
        revision: row.revision.clone(),
        reason: reason(snapshot, row, now),
        auto_sync: row.auto_sync,
        deleting: row.deleting,
        changed_at: row.changed_at,
    }
}

fn operation_state(row: &Row) -> Option<OperationState> {
    if let Some(requested) = &row.requested {
        return Some(OperationState {
            phase: Phase::Requested,
            started_at: Some(requested.seen_at),
            finished_at: None,
        });
    }
    row.operation.as_ref().map(|operation| OperationState {
        phase: operation.phase,
        started_at: operation.started_at,
        finished_at: operation.finished_at,
    })
}

fn phase(row: &Row) -> Option<Phase> {
    if row.requested.is_some() { Some(Phase::Requested) } else { row.operation.as_ref().map(|it| it.phase) }
}

/// Says why an Application is not well, in one sentence; empty when it is.
pub fn reason(snapshot: &Snapshot, row: &Row, now: Timestamp) -> String {
    match snapshot.freshness(row) {
        Freshness::Stale { why, .. } | Freshness::Unreachable { why, .. } => {
            let plane_is_live =
                snapshot.planes.get(&row.id.control_plane).is_some_and(|it| it.freshness.is_live());
            let who = if plane_is_live {
                format!("Cluster {}", row.cluster.name)
            } else {
                format!("Control plane {}", row.id.control_plane)
            };
            return format!("{who} does not answer: {why}");
        }
        Freshness::Connecting | Freshness::Live => {}
    }
    if let Some(requested) = &row.requested
        && now.0 - requested.seen_at.0 > PICK_UP_SECONDS * 1000
    {
        return format!(
            "The controller did not pick this up in {PICK_UP_SECONDS} s: check that Argo CD's application controller runs"
        );
    }
    // Pods that fail are the cause; a failed sync, or a rollout past its deadline, is often what came of it.
    let survey = snapshot.cluster_of(row).and_then(|cluster| cluster.survey.as_ref());
    if row.health != Health::Healthy
        && let Some(pods) = survey.and_then(|survey| survey.reason_of(&row.id))
    {
        return pods;
    }
    if let Some(operation) = &row.operation {
        match operation.phase {
            Phase::Failed => return format!("Sync failed: {}", operation.cause()),
            Phase::Error => return format!("Sync ended in an error: {}", operation.cause()),
            Phase::Running if operation.message.contains("blocked by sync window") => {
                return "Its sync waits for a sync window to open; terminate it to let another start".into();
            }
            _ => {}
        }
    }
    let is_well = row.health == Health::Healthy && row.sync == Sync::Synced;
    match &row.condition {
        Some(condition) => condition.clone(),
        None if is_well => String::new(),
        None if row.health == Health::Missing && !row.auto_sync => {
            "None of its resources is in the cluster; auto-sync is off".into()
        }
        None if row.health == Health::Missing => "None of its resources is in the cluster".into(),
        None if row.sync == Sync::OutOfSync && !row.auto_sync => "Differs from Git; auto-sync is off".into(),
        None if row.sync == Sync::OutOfSync => "Differs from Git".into(),
        None if row.health == Health::Progressing => "On the way to Healthy".into(),
        None if row.health == Health::Suspended => "Paused on purpose".into(),
        None => String::new(),
    }
}

/// How bad it stands, worse is greater: what is Degraded before what we do not know, and so on.
fn badness(snapshot: &Snapshot, row: &Row) -> u8 {
    let failed = matches!(phase(row), Some(Phase::Failed | Phase::Error));
    if !snapshot.freshness(row).is_live() {
        return 70;
    }
    match (row.health, row.sync) {
        (Health::Degraded, _) => 90,
        _ if failed => 80,
        (Health::Missing, _) => 60,
        (Health::Unknown, _) | (_, Sync::Unknown) => 50,
        (_, Sync::OutOfSync) if !row.auto_sync => 30,
        (Health::Progressing, _) => 40,
        (_, Sync::OutOfSync) => 25,
        (Health::Suspended, _) => 10,
        (Health::Healthy, Sync::Synced) => 0,
    }
}

fn environment_weight(environment: &Environment) -> u8 {
    match environment {
        Environment::Known { protected: true, .. } => 3,
        Environment::Contradictory { .. } => 2,
        Environment::Known { rank, .. } => (*rank).min(1),
        Environment::Unknown { .. } => 0,
    }
}

fn environment_value(row: &Row) -> &str {
    row.environment.name().unwrap_or(NO_ENVIRONMENT)
}

/// Filters, sorts, counts and pages the Applications.
pub fn application_list(snapshot: &Snapshot, query: &ListApplications, now: Timestamp) -> ApplicationList {
    let filter = Filter::new(snapshot, query);
    let mut counts: [HashMap<&str, u32>; 6] = Default::default();
    let mut matching: Vec<&Arc<Row>> = Vec::new();
    for row in &snapshot.rows {
        let values = filter.values(row);
        match filter.verdict(row, &values) {
            Verdict::Matches => {
                matching.push(row);
                for (counts, value) in counts.iter_mut().zip(values) {
                    *counts.entry(value).or_default() += 1;
                }
            }
            // A facet counts after the others: what it alone hides is counted in it alone.
            Verdict::HiddenBy(index) => *counts[index].entry(values[index]).or_default() += 1,
            Verdict::Hidden => {}
        }
    }
    if query.cursor.is_empty() {
        sort(snapshot, &mut matching, query);
    }
    let per_page = if query.per_page == 0 { PER_PAGE } else { query.per_page.clamp(10, MOST_PER_PAGE) };
    let total_matching = count(matching.len());
    let pages = total_matching.div_ceil(per_page).max(1);
    let page = query.page.clamp(1, pages);
    let skip = if query.cursor.is_empty() {
        (page - 1) as usize * per_page as usize
    } else {
        // Rows come in the order of their ids.
        matching.partition_point(|row| !comes_after(&row.id, &query.cursor))
    };
    let shown: Vec<_> = matching.iter().skip(skip).take(per_page as usize).collect();
    let goes_on = !query.cursor.is_empty() && skip + shown.len() < matching.len();
    let next_cursor = shown.last().filter(|_| goes_on).map(|row| place_of(&row.id));
    let rows = shown.into_iter();
    ApplicationList {
        now,
        rows: rows.map(|row| application_row(snapshot, row, now)).collect(),
        matching: total_matching,
        total: count(snapshot.rows.len()),
        page,
        per_page,
        next_cursor,
        facets: filter.facets(&counts),
        control_planes: control_planes(snapshot),
        warnings: snapshot.warnings.clone(),
    }
}

/// The cursor before the first row.
const START: &str = "start";

/// A row's place as a cursor: no part of an id has a slash.
fn place_of(id: &ApplicationId) -> String {
    format!("{}/{}/{}", id.control_plane, id.namespace, id.name)
}

/// A cursor that is no place of ours comes before everything, or after: it shows no more than any other.
fn comes_after(id: &ApplicationId, cursor: &str) -> bool {
    let mut parts = cursor.splitn(3, '/');
    let mut part = || parts.next().unwrap_or_default();
    cursor == START
        || (id.control_plane.as_str(), id.namespace.as_str(), id.name.as_str()) > (part(), part(), part())
}

pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

enum Verdict {
    Matches,
    /// By this facet alone.
    HiddenBy(usize),
    Hidden,
}

struct Filter<'a> {
    snapshot: &'a Snapshot,
    words: Vec<String>,
    lists: [&'a [String]; 6],
}

impl<'a> Filter<'a> {
    fn new(snapshot: &'a Snapshot, query: &'a ListApplications) -> Self {
        Self {
            snapshot,
            words: query.q.split_whitespace().map(str::to_lowercase).collect(),
            lists: [
                &query.health,
                &query.sync,
                &query.operation,
                &query.environment,
                &query.project,
                &query.cluster,
            ],
        }
    }

    /// The row's value in each facet, in the order of `lists`.
    fn values<'r>(&self, row: &'r Row) -> [&'r str; 6] {
        let is_live = self.snapshot.freshness(row).is_live();
        [
            if is_live { row.health.word() } else { STALE },
            row.sync.word(),
            phase(row).map_or("None", Phase::word),
            environment_value(row),
            &row.project,
            &row.cluster.name,
        ]
    }

    fn verdict(&self, row: &Row, values: &[&str; 6]) -> Verdict {
        let mut hiding = self
            .lists
            .iter()
            .zip(values)
            .enumerate()
            .filter(|(_, (list, value))| !list.is_empty() && !list.iter().any(|wanted| wanted == *value));
        let by = hiding.next().map(|(index, _)| index);
        if hiding.next().is_some() || !self.has_words(row) {
            return Verdict::Hidden;
        }
        by.map_or(Verdict::Matches, Verdict::HiddenBy)
    }

    fn has_words(&self, row: &Row) -> bool {
        let texts = [
            row.id.name.as_str(),
            &row.app,
            &row.cluster.name,
            &row.project,
            &row.destination.namespace,
            row.version.as_deref().unwrap_or_default(),
            row.revision.as_deref().unwrap_or_default(),
        ];
        self.words.iter().all(|word| texts.iter().any(|text| contains_ignoring_case(text, word)))
    }

    fn facets(&self, counts: &[HashMap<&str, u32>; 6]) -> Facets {
        let fixed = |index: usize, words: &[&str]| -> Vec<FacetValue> {
            let count = |word: &str| counts[index].get(word).copied().unwrap_or(0);
            words.iter().map(|word| FacetValue { value: (*word).to_owned(), count: count(word) }).collect()
        };
        let open = |index: usize| -> Vec<FacetValue> {
            let mut values: Vec<_> = counts[index]
                .iter()
                .map(|(value, count)| FacetValue { value: (*value).to_owned(), count: *count })
                .collect();
            // What is chosen stays visible, also where it counts none.
            for chosen in self.lists[index] {
                if !values.iter().any(|it| it.value == *chosen) {
                    values.push(FacetValue { value: chosen.clone(), count: 0 });
                }
            }
            values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
            values
        };
        let health: Vec<_> = Health::ALL.iter().map(|it| it.word()).chain([STALE]).collect();
        let phases: Vec<_> = Phase::ALL.iter().map(|it| it.word()).chain(["None"]).collect();
        let mut environment = open(3);
        environment.sort_by_key(|value| self.environment_rank(&value.value));
        Facets {
            health: fixed(0, &health),
            sync: fixed(1, &Sync::ALL.map(Sync::word)),
            operation: fixed(2, &phases),
            environment,
            project: open(4),
            cluster: open(5),
        }
    }

    fn environment_rank(&self, name: &str) -> u8 {
        let known = self.snapshot.rows.iter().find_map(|row| match &row.environment {
            Environment::Known { name: it, rank, .. } if it == name => Some(*rank),
            _ => None,
        });
        known.map_or(u8::MAX, |rank| if rank == 2 { u8::MAX - 1 } else { rank })
    }
}

/// `word` is in lower case.
pub(super) fn contains_ignoring_case(text: &str, word: &str) -> bool {
    if text.is_ascii() {
        return text
            .as_bytes()
            .windows(word.len().max(1))
            .any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
    }
    text.to_lowercase().contains(word)
}

fn sort(snapshot: &Snapshot, rows: &mut [&Arc<Row>], query: &ListApplications) {
    // Rows come sorted by id, and the sort is stable: equals stay in that order.
    match query.sort {
        SortBy::Worst => rows.sort_by_cached_key(|row| {
            let badness = badness(snapshot, row);
            std::cmp::Reverse((badness, if badness == 0 { 0 } else { environment_weight(&row.environment) }))
        }),
        SortBy::Name => rows.sort_by(|a, b| a.id.name.cmp(&b.id.name)),
        SortBy::Health => {
            rows.sort_by_key(|row| std::cmp::Reverse((!snapshot.freshness(row).is_live(), row.health)));
        }
        SortBy::Sync => rows.sort_by_key(|row| Sync::ALL.iter().position(|it| *it == row.sync)),
        SortBy::Environment => rows.sort_by(|a, b| compare_environments(&a.environment, &b.environment)),
        SortBy::Cluster => rows.sort_by(|a, b| a.cluster.cmp(&b.cluster)),
        SortBy::Project => rows.sort_by(|a, b| a.project.cmp(&b.project)),
        SortBy::Changed => rows.sort_by_key(|row| std::cmp::Reverse(row.changed_at)),
    }
    if query.reverse {
        rows.reverse();
    }
}

fn compare_environments(a: &Environment, b: &Environment) -> Ordering {
    let rank = |environment: &Environment| match environment {
        Environment::Known { rank: 2, .. } => 250,
        Environment::Known { rank, .. } => *rank,
        Environment::Contradictory { .. } => 251,
        Environment::Unknown { .. } => 252,
    };
    rank(a).cmp(&rank(b)).then_with(|| a.name().cmp(&b.name()))
}

/// Tells of every control plane, in the order of their names.
pub fn control_planes(snapshot: &Snapshot) -> Vec<ControlPlane> {
    let planes = snapshot.planes.iter();
    planes
        .map(|(name, plane)| ControlPlane {
            name: name.clone(),
            freshness: plane.freshness.clone(),
            namespace: plane.namespace.clone(),
            server: plane.server.clone(),
        })
        .collect()
}

/// Draws the first page. `operations` come from history.
pub fn overview(snapshot: &Snapshot, operations: Vec<HistoryEntry>, now: Timestamp) -> Overview {
    let mut attention: Vec<(u8, u8, Attention)> = Vec::new();
    let clusters = cluster_rows(snapshot);
    for cluster in clusters.iter().filter(|cluster| needs_attention(cluster)) {
        let badness = if matches!(cluster.freshness, Freshness::Unreachable { .. }) { 85 } else { 65 };
        let weight = environment_weight(&cluster.environment);
        attention.push((badness, weight, Attention::Cluster(Box::new(cluster.clone()))));
    }
    let mut unwell: Vec<_> = snapshot
        .rows
        .iter()
        // An Application that is only stale is told by its cluster; one on its way needs nobody.
        .filter(|row| snapshot.freshness(row).is_live())
        .map(|row| (badness(snapshot, row), environment_weight(&row.environment), row))
        .filter(|(badness, ..)| *badness >= 30 && *badness != 40)
        .collect();
    let attention_total = count(unwell.len() + attention.len());
    unwell.sort_by_key(|(badness, weight, _)| std::cmp::Reverse((*badness, *weight)));
    for (badness, weight, row) in unwell.into_iter().take(ATTENTION) {
        attention.push((
            badness,
            weight,
            Attention::Application(Box::new(application_row(snapshot, row, now))),
        ));
    }
    attention.sort_by_key(|(badness, weight, _)| std::cmp::Reverse((*badness, *weight)));
    let apps: HashSet<_> = snapshot.rows.iter().map(|row| row.app.as_str()).collect();
    Overview {
        now,
        apps: count(apps.len()),
        applications: count(snapshot.rows.len()),
        counts: counts(snapshot),
        attention: attention.into_iter().take(ATTENTION).map(|(.., it)| it).collect(),
        attention_total,
        clusters,
        operations,
        control_planes: control_planes(snapshot),
        warnings: snapshot.warnings.clone(),
        // What is not the fleet's to know, the caller adds.
        freezes: Vec::new(),
        changes: Vec::new(),
    }
}

fn needs_attention(cluster: &ClusterRow) -> bool {
    let nodes = cluster.nodes.unwrap_or_default();
    !matches!(cluster.freshness, Freshness::Live | Freshness::Connecting)
        || nodes.ready < nodes.total
        || nodes.pressure > 0
}

fn counts(snapshot: &Snapshot) -> Counts {
    let mut counts = Counts { health: Health::ALL.map(|health| (health, 0)).to_vec(), ..Counts::default() };
    for row in &snapshot.rows {
        if snapshot.freshness(row).is_live() {
            if let Some((_, count)) = counts.health.iter_mut().find(|(health, _)| *health == row.health) {
                *count += 1;
            }
            let is_bad = row.health == Health::Degraded && row.environment.is_protected();
            counts.degraded_protected += u32::from(is_bad);
        } else {
            counts.stale += 1;
        }
        counts.out_of_sync += u32::from(row.sync == Sync::OutOfSync);
        counts.out_of_sync_manual += u32::from(row.sync == Sync::OutOfSync && !row.auto_sync);
        match phase(row) {
            Some(Phase::Failed | Phase::Error) => counts.failed_operations += 1,
            Some(Phase::Running | Phase::Requested | Phase::Terminating) => counts.running_operations += 1,
            _ => {}
        }
    }
    counts.unreachable_clusters = unreachable(snapshot);
    counts
}

fn unreachable(snapshot: &Snapshot) -> u32 {
    let clusters = snapshot.clusters.values();
    count(clusters.filter(|cluster| matches!(freshness_of(cluster), Freshness::Unreachable { .. })).count())
}

/// Draws the counts of the sidebar.
pub fn navigation(snapshot: &Snapshot, actor: &str) -> Navigation {
    Navigation {
        applications: count(snapshot.rows.len()),
        unreachable_clusters: unreachable(snapshot),
        actor: actor.to_owned(),
        ..Navigation::default()
    }
}

/// Draws the list of clusters.
pub fn cluster_list(snapshot: &Snapshot, now: Timestamp) -> ClusterList {
    ClusterList {
        now,
        control_planes: control_planes(snapshot),
        rows: cluster_rows(snapshot),
        warnings: snapshot.warnings.clone(),
    }
}

fn cluster_rows(snapshot: &Snapshot) -> Vec<ClusterRow> {
    let mut applications: HashMap<&ClusterId, (u32, u32)> = HashMap::default();
    for row in &snapshot.rows {
        let (all, unwell) = applications.entry(&row.cluster).or_default();
        *all += 1;
        *unwell += u32::from(row.health != Health::Healthy);
    }
    let mut clusters: Vec<_> = snapshot.clusters.values().collect();
    clusters.sort_by(|a, b| {
        let planes = a.id.control_plane.cmp(&b.id.control_plane);
        planes
            .then_with(|| compare_environments(&a.environment, &b.environment))
            .then_with(|| a.id.cmp(&b.id))
    });
    clusters
        .into_iter()
        .map(|cluster| cluster_row(cluster, applications.get(&cluster.id).copied().unwrap_or_default()))
        .collect()
}

/// A cluster behind a control plane that does not answer may have been changed there, but is probed by us: its own
/// freshness counts.
fn freshness_of(cluster: &Cluster) -> Freshness {
    match &cluster.credentials {
        Err(why) => Freshness::Stale { since: cluster.last_contact.unwrap_or_default(), why: why.clone() },
        Ok(_) => cluster.freshness.clone(),
    }
}

fn cluster_row(cluster: &Cluster, (applications, unwell): (u32, u32)) -> ClusterRow {
    let freshness = freshness_of(cluster);
    // An old number is never shown as a new one.
    let survey = cluster.survey.as_ref().filter(|_| freshness.is_live());
    let reason = match &freshness {
        Freshness::Unreachable { why, .. } | Freshness::Stale { why, .. } => why.clone(),
        _ => survey
            .and_then(|survey| survey.nodes.iter().find(|node| !node.reason.is_empty()))
            .map_or_else(String::new, |node| format!("node {}: {}", node.name, node.reason)),
    };
    ClusterRow {
        id: cluster.id.clone(),
        server: cluster.server.clone(),
        environment: cluster.environment.clone(),
        last_contact: cluster.last_contact.map(|at| if freshness.is_live() { calm(at) } else { at }),
        latency_ms: cluster.latency_ms.map(one_digit),
        version: cluster.version.clone(),
        applications,
        applications_unwell: unwell,
        nodes: survey.map(|survey| survey.counts),
        pods_not_ready: survey.map(|survey| count(survey.pods.len())),
        cpu: survey.and_then(|survey| survey.cpu),
        memory: survey.and_then(|survey| survey.memory),
        reason,
        freshness,
    }
}

/// The last contact of a cluster that answers, to 10 s: else each probe of each cluster would be news to every page.
fn calm(at: Timestamp) -> Timestamp {
    Timestamp(at.0 - at.0.rem_euclid(10_000))
}

/// A latency by its first digit, for the same reason: 87 ms is told as 80.
fn one_digit(ms: u32) -> u32 {
    let scale = 10u32.pow(ms.checked_ilog10().unwrap_or(0));
    ms / scale * scale
}

/// Draws one cluster; none where it is not registered.
pub fn cluster_detail(snapshot: &Snapshot, id: &ClusterId, now: Timestamp) -> Option<ClusterDetail> {
    const MOST_PODS: usize = 200;
    const MOST_APPLICATIONS: usize = 50;
    let cluster = snapshot.clusters.get(id)?;
    let row = cluster_rows(snapshot).into_iter().find(|row| row.id == *id)?;
    let survey = cluster.survey.as_ref().filter(|_| row.freshness.is_live());
    let mut pods = survey.map(|survey| survey.pods.clone()).unwrap_or_default();
    pods.sort_by(|a, b| (&a.reason, &a.namespace, &a.name).cmp(&(&b.reason, &b.namespace, &b.name)));
    pods.truncate(MOST_PODS);
    let mut applications: Vec<_> = snapshot.rows.iter().filter(|row| row.cluster == *id).collect();
    applications.sort_by_key(|row| std::cmp::Reverse(badness(snapshot, row)));
    let applications = applications.into_iter().take(MOST_APPLICATIONS);
    let kind = match &cluster.credentials {
        Ok(kind) => (*kind).to_owned(),
        Err(why) => why.clone(),
    };
    Some(ClusterDetail {
        now,
        credentials: match &cluster.secret {
            Some(secret) => format!("{kind}, in Secret {secret}"),
            None => kind,
        },
        nodes: survey.map(|survey| survey.nodes.clone()).unwrap_or_default(),
        pods,
        metrics_note: survey.and_then(|survey| survey.metrics_note.clone()),
        applications: applications.map(|row| application_row(snapshot, row, now)).collect(),
        row,
    })
}
