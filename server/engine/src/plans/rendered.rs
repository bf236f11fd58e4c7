//! What a plan's Applications would become: their objects, rendered before and after.

use std::{collections::BTreeMap, sync::Arc};

use futures::StreamExt as _;
use model::{
    application::ApplicationId,
    plan::{ChangeKind, ObjectChange, RenderedApplication, RowOutcome},
};
use serde_json::Value;

use super::{Made, Planner, reach::Reached};
use crate::{
    fleet::index::{Row, Snapshot},
    git::plan::useless_override,
    render::{
        Capabilities, DiffLimits, FindingRules, NotRendered, ObjectId, Rendered, RenderedDiff, Replaced,
        Request, SourceSpec, difference, findings,
    },
};

/// How many Applications of a plan are read and rendered, and how many at once.
const MOST: usize = 40;
const AT_ONCE: usize = 4;
/// How much text of one Application a plan keeps, in bytes.
const TEXTS: usize = 512 * 1024;

/// The sources of Applications as they stand in their objects, or why they cannot be read.
pub(super) type Specs = BTreeMap<ApplicationId, Result<Vec<Value>, String>>;

/// Reads the sources of the Applications that a plan reaches.
pub(super) async fn read_specs(planner: &Planner, reached: &[Reached]) -> Specs {
    let read = |it: &Reached| {
        let id = it.application.clone();
        async move {
            let sources = planner.details.read_sources(&id).await;
            (id, sources.map_err(|error| format!("its Application cannot be read: {error}")))
        }
    };
    futures::stream::iter(reached.iter().take(MOST).map(read)).buffer_unordered(AT_ONCE).collect().await
}

/// Adds to each row what its Applications set over the files that the plan edits.
pub(super) fn warn_of_overrides(made: &mut Made, reached: &[Reached], specs: &Specs) {
    let asked = made.asked.apps.iter().zip(&made.planned.moved).zip(&mut made.planned.plan.rows);
    for ((app, moved), row) in asked.filter(|(_, row)| row.outcome == RowOutcome::Moves) {
        for target in app.target.iter().filter(|row| reached.iter().any(|it| it.application == row.id)) {
            let Some(Ok(sources)) = specs.get(&target.id) else { continue };
            for sentence in sources.iter().flat_map(|source| useless_override(moved, source)) {
                row.warnings.push(format!("{}: {sentence}.", target.id.name));
            }
        }
    }
}

/// Renders each Application that a plan reaches, before and after.
pub(super) async fn render(
    planner: &Planner,
    snapshot: &Snapshot,
    made: &Made,
    reached: &[Reached],
    specs: &Specs,
) -> Vec<RenderedApplication> {
    let rows: Vec<_> = reached.iter().filter_map(|it| snapshot.row(&it.application).cloned()).collect();
    let written =
        made.planned.writes.iter().filter_map(|(path, write)| Some((path.clone(), write.after.clone()?)));
    let replaced: Arc<Replaced> = Arc::new(written.collect());
    let one = |row: Arc<Row>| {
        let (replaced, spec) = (Arc::clone(&replaced), specs.get(&row.id).cloned());
        async move {
            let (cluster, application) = (row.cluster.name.clone(), row.id.clone());
            let outcome = match spec {
                Some(Ok(sources)) => render_one(planner, snapshot, made, &row, &sources, &replaced).await,
                Some(Err(why)) => Err(why),
                None => Err(format!("only the first {MOST} Applications of a plan are rendered")),
            };
            match outcome {
                Ok((objects, changes, findings)) => RenderedApplication {
                    application,
                    cluster,
                    not_rendered: None,
                    objects,
                    changes,
                    findings,
                },
                Err(why) => RenderedApplication {
                    application,
                    cluster,
                    not_rendered: Some(super::sentence(&why)),
                    objects: 0,
                    changes: Vec::new(),
                    findings: Vec::new(),
                },
            }
        }
    };
    futures::stream::iter(rows.into_iter().map(one)).buffered(AT_ONCE).collect().await
}

type Drawn = (u32, Vec<ObjectChange>, Vec<String>);

async fn render_one(
    planner: &Planner,
    snapshot: &Snapshot,
    made: &Made,
    row: &Row,
    sources: &[Value],
    replaced: &Replaced,
) -> Result<Drawn, String> {
    let [source] = sources else {
        return Err(format!("it has {} sources, and only a single one is rendered here", sources.len()));
    };
    let source: SourceSpec = serde_json::from_value(source.clone())
        .map_err(|error| format!("its source is not what Argo CD writes: {error}"))?;
    let request = |replaced: Replaced| Request {
        repository: made.mirror.path().to_owned(),
        tree: made.head,
        replaced,
        source: source.clone(),
        application: row.id.name.clone(),
        project: row.project.clone(),
        namespace: row.destination.namespace.clone(),
        build_options: snapshot.build_options(&row.id.control_plane).to_owned(),
        capabilities: Capabilities {
            kube_version: snapshot.cluster_of(row).and_then(|it| it.version.clone()).unwrap_or_default(),
            ..Capabilities::default()
        },
    };
    let before = planner.renderer.render(request(Replaced::new())).await;
    let after = planner.renderer.render(request(replaced.clone())).await;
    draw(&row.destination.namespace, &before, &after)
}

fn draw(
    namespace: &str,
    before: &Result<Arc<Rendered>, NotRendered>,
    after: &Result<Arc<Rendered>, NotRendered>,
) -> Result<Drawn, String> {
    let limits = DiffLimits { texts: TEXTS, ..DiffLimits::default() };
    let diff = match (before, after) {
        (Ok(before), Ok(after)) => difference(before, after, &limits),
        (Err(why), Err(_)) => return Err(why.to_string()),
        _ => RenderedDiff::default(),
    };
    let rules = FindingRules { namespace: namespace.to_owned(), ..FindingRules::default() };
    let found = findings(as_parts(before), as_parts(after), &diff, &rules);
    let mut sentences: Vec<_> = found.iter().map(|it| super::sentence(&it.to_string())).collect();
    if diff.unlisted > 0 {
        sentences.push(format!("{} more objects differ and are not listed.", diff.unlisted));
    }
    let objects = after.as_ref().map_or(0, |it| it.objects.len());
    Ok((u32::try_from(objects).unwrap_or(u32::MAX), changes(diff), sentences))
}

fn as_parts(rendered: &Result<Arc<Rendered>, NotRendered>) -> Result<&Rendered, &NotRendered> {
    rendered.as_ref().map(|it| &**it)
}

fn changes(diff: RenderedDiff) -> Vec<ObjectChange> {
    let change = |what, id: ObjectId, noise, patch| ObjectChange {
        what,
        api_version: id.api_version,
        kind: id.kind,
        namespace: id.namespace.unwrap_or_default(),
        name: id.name,
        noise,
        patch,
    };
    let removed = diff.removed.into_iter().map(|it| change(ChangeKind::Removed, it.id, false, it.text));
    let added = diff.added.into_iter().map(|it| change(ChangeKind::Added, it.id, false, it.text));
    let changed =
        diff.changed.into_iter().map(|it| change(ChangeKind::Changed, it.after, it.is_noise, it.text));
    removed.chain(added).chain(changed).collect()
}
