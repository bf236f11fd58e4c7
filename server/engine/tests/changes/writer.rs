//! One program that writes and follows changes, for tests that kill it: `change-writer ORDERS`, where the orders are
//! [`Orders`] as JSON. It knows its fleet from them, and goes on until it is killed.

mod fleet;
mod orders;
mod remote;
#[expect(dead_code, reason = "it plans nothing and shows nothing")]
mod replica;

use std::{path::PathBuf, time::Duration};

use engine::db::Db;
use fleet::{Fleet, Looks};
use orders::{ArgoCd, Orders};
use remote::Remote;
use replica::{Replica, Setup};

#[tokio::main(worker_threads = 2)]
async fn main() {
    let orders = std::env::args().nth(1).expect("orders");
    let orders: Orders = serde_json::from_str(&orders).expect("orders");
    let db = Db::connect(&orders.database).await.expect("a database");
    let remote = Remote::open(&orders.remote);
    let mut setup = Setup::new(db, remote.url(), PathBuf::from(&orders.mirrors));
    setup.git.clone_from(&orders.git);
    setup.lease = Duration::from_millis(orders.lease_ms);
    let replica = Replica::new(setup);
    replica.fleet.listed();
    let first = remote.head();
    replica.fleet.all_run(&orders.apps, first);
    let _write = replica.write();
    if orders.argo_cd != ArgoCd::NotFollowed {
        let _follow = replica.follow();
    }
    let mut known = first;
    loop {
        let head = remote.head();
        if head != known && orders.argo_cd != ArgoCd::Asleep {
            known = head;
            tell(&replica.fleet, &orders, head);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Argo CD compares all Applications with the head at once.
fn tell(fleet: &Fleet, orders: &Orders, head: git2::Oid) {
    fleet.all_run(&orders.apps, head);
    if orders.argo_cd == ArgoCd::Degraded {
        for app in &orders.apps {
            fleet.runs(app, "staging", head, Looks { health: "Degraded", ..Looks::default() });
        }
    }
}
