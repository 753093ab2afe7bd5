//! Servers that are silent, slow, closed or something else: a clear error within the time limit, whatever they send.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::{Said, catena_at};

/// A server that does `serve` with its first connection.
fn server(serve: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || listener.accept().map(|(stream, _)| serve(stream)));
    address
}

fn asked(address: &str) -> Said {
    catena_at(address, &["config", "get", "broker", "--call-timeout", "500ms"])
}

/// Reads one request and gives its number.
fn request(stream: &mut TcpStream) -> Option<[u8; 4]> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame).ok()?;
    frame.get(4..8)?.try_into().ok()
}

#[test]
fn nobody_there_and_nobody_who_answers() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    assert!(asked(&free).refusal().starts_with(&format!("cannot connect to {free}: ")));
    assert!(asked("no address").refusal().starts_with("no address: "));
    let begun = Instant::now();
    let silent = server(|mut stream| drop(stream.read_to_end(&mut Vec::new())));
    assert_eq!(asked(&silent).refusal(), format!("{silent} does not answer within 500ms"));
    let drip = server(|mut stream| {
        let length = [0, 0, 0, 100].into_iter().chain(std::iter::repeat(0));
        for byte in length {
            if stream.write_all(&[byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(asked(&drip).refusal(), format!("{drip} does not answer within 500ms"));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_server_of_another_protocol_is_told_from_a_broker() {
    let closing = server(drop);
    assert!(asked(&closing).refusal().starts_with(&format!("{closing}: ")));
    let web = server(|mut stream| drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")));
    let said = asked(&web);
    assert!(said.refusal().contains("an answer of 1213486160 bytes"), "{}", said.stderr);
}

#[test]
fn whatever_a_server_sends_the_command_ends_in_order() {
    let seed: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    for round in 0..60 {
        let body: Vec<u8> = match round % 3 {
            0 => (0..random.random_range(0..200)).map(|_| random.random()).collect(),
            // No error, and then a count of four thousand millions.
            1 => [&[0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f], &[0; 40][..]].concat(),
            // The most elements that are allowed, of which few are there.
            _ => [&[0, 0, 0xc0, 0x84, 0x3d], &[0; 400][..]].concat(),
        };
        let address = server(move |mut stream| {
            let Some(number) = request(&mut stream) else { return };
            let length = (4 + body.len() as u32).to_be_bytes();
            let _ = stream.write_all(&[&length[..], &number, &body].concat());
            let _ = stream.read(&mut [0; 1]);
        });
        let said = asked(&address);
        assert!(said.refusal().contains(&address), "SEED={seed}, round {round}: {}", said.stderr);
    }
}
