use std::sync::Arc;
use crate::fake::{Fake, KnownApps, app, cell, matrix};
use model::{AppError, apps::{Cell, CellState, Lag}};

#[tokio::test]
async fn dump() {
    let stopped = |held: bool| Cell {
        held: held.then(|| "held at 6.2.0 by Priya Nair until Thu 26 Nov 18:00 UTC: p99 latency".into()),
        frozen: Some("prod is frozen for payments until Thu 26 Nov 18:00 UTC: quarter-end close. Set by Jonas Weber.".into()),
        change: Some(1842),
        ..cell("6.2.0", CellState::Healthy, Lag::Behind(1))
    };
    let mut m = matrix();
    m.rows[0].cells[2] = Some(stopped(true));
    m.rows[1].cells[2].as_mut().unwrap().frozen = stopped(false).frozen;
    m.rows[3].cells[2].as_mut().unwrap().change = Some(3);
    let mut a = app();
    a.environments[2].cell = Some(stopped(true));
    a.environments[1].cell.as_mut().unwrap().change = Some(1842);
    let waiting = crate::waiting::list();
    let fleet = Arc::new(Fake {
        apps: KnownApps { matrix: m, app: a, ..KnownApps::default() },
        changes: crate::fake::changes::KnownChanges { waiting, ..Default::default() },
        ..Fake::default()
    });
    for (name, path) in [("waiting", "/waiting"), ("freezes", "/freezes?hold=web-app&environment=staging"), ("overview", "/"), ("matrix", "/matrix"), ("compact", "/matrix?density=compact"), ("app", "/apps/web-app"), ("menu", "/menu"), ("changes", "/changes"), ("change", "/changes/1842")] {
        std::fs::write(format!("/tmp/shots/site/{name}.html"), fleet.get(path).await.html).unwrap();
    }
    let refusing = Some(AppError::Invalid { field: "schedule".into(), why: "it has four fields.".into() });
    let fleet = Arc::new(Fake { refusing, ..Fake::default() });
    let answer = fleet.post("/fn/create_freeze", "reason=x", "/freezes").await;
    std::fs::write("/tmp/shots/site/error.html", fleet.get(answer.location.trim_start_matches("http://localhost")).await.html).unwrap();
    let mut none = crate::fake::gates::gates();
    none.freezes.clear(); none.holds.clear(); none.windows.clear(); none.freeze_denied = Some("needs freezes/create".into());
    let fleet = Arc::new(Fake { gates: crate::fake::gates::KnownGates { list: none, ..Default::default() }, ..Fake::default() });
    std::fs::write("/tmp/shots/site/none.html", fleet.get("/freezes").await.html).unwrap();
    std::fs::write("/tmp/shots/site/nowait.html", fleet.get("/waiting").await.html).unwrap();
}
