//! Connections that do not behave, on a real socket.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use server::http::{Limits, answer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::support::House;

const LIMITS: Limits = Limits { head: Duration::from_millis(300), last_answers: Duration::from_secs(5) };
const LONG: Duration = Duration::from_secs(20);

fn listen(house: &House) -> (SocketAddr, impl Future<Output = std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    (address, answer(listener, house.router.clone(), LIMITS, house.stop.clone()))
}

/// Returns what the server said until it closed the connection.
async fn read_to_end(mut connection: TcpStream) -> String {
    let mut text = Vec::new();
    timeout(LONG, connection.read_to_end(&mut text)).await.expect("the connection is closed").expect("reads");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_not_waited_for() {
    let house = House::on_loopback();
    let (address, serving) = listen(&house);
    let asking = async {
        for begin in ["", "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "] {
            let mut connection = TcpStream::connect(address).await.expect("connects");
            connection.write_all(begin.as_bytes()).await.expect("writes");
            let said = read_to_end(connection).await;
            assert!(!said.contains("200 OK"), "{said}");
        }
    };
    tokio::select! {
        served = serving => panic!("it ended: {served:?}"),
        () = asking => {}
    }
}

#[tokio::test]
async fn a_stop_ends_streams_and_idle_connections_and_then_the_server() {
    let house = House::on_loopback();
    let (address, serving) = listen(&house);
    let stopping = async {
        let mut idle = TcpStream::connect(address).await.expect("connects");
        idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await.expect("writes");
        let mut first = [0; 15];
        idle.read_exact(&mut first).await.expect("an answer");
        assert_eq!(&first, b"HTTP/1.1 200 OK");
        house.stop.cancel();
    };
    let begin = Instant::now();
    let (served, ()) = tokio::join!(timeout(LONG, serving), stopping);
    served.expect("it ends").expect("without an error");
    assert!(begin.elapsed() < LIMITS.last_answers, "nothing was under way, so nothing was waited for");
}
