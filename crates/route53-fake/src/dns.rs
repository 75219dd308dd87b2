//! The zones of the fake by DNS, over UDP and TCP: what its name servers have, wildcards and weights included. Answers for
//! its own zones alone, and asks nobody.

mod answer;

use std::io;
use std::net::SocketAddr;

use hickory_proto::op::{Message, OpCode, ResponseCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::{Labels, Shared, lock};
use answer::Answer;

/// What every resolver takes by UDP; longer answers are asked for again by TCP.
const LONGEST: usize = 1232;

/// Answers until it fails.
pub async fn serve(fake: Shared, udp: UdpSocket, tcp: TcpListener) -> io::Result<()> {
    tokio::try_join!(datagrams(&fake, &udp), connections(&fake, &tcp)).map(|_| ())
}

/// Answers at a free port of this machine.
pub async fn begin(fake: Shared) -> io::Result<SocketAddr> {
    let tcp = TcpListener::bind("127.0.0.1:0").await?;
    let address = tcp.local_addr()?;
    let udp = UdpSocket::bind(address).await?;
    tokio::spawn(serve(fake, udp, tcp));
    Ok(address)
}

async fn datagrams(fake: &Shared, socket: &UdpSocket) -> io::Result<()> {
    let mut buffer = vec![0; 4096];
    loop {
        // Whoever is gone by now is no reason to end.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(answer) = told(fake, &buffer[..length]) else { continue };
        let Ok(mut bytes) = answer.to_vec() else { continue };
        if bytes.len() > LONGEST {
            bytes = answer.truncate().to_vec().unwrap_or_default();
        }
        let _ = socket.send_to(&bytes, from).await;
    }
}

async fn connections(fake: &Shared, listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(fake.clone(), stream));
    }
}

async fn connection(fake: Shared, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let mut question = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut question).await?;
        let answer = told(&fake, &question).and_then(|answer| answer.to_vec().ok());
        let Some(bytes) = answer else { return Ok(()) };
        let Ok(length) = u16::try_from(bytes.len()) else { return Ok(()) };
        stream.write_all(&[&length.to_be_bytes()[..], &bytes].concat()).await?;
    }
}

/// What a message is answered with; none: it is no question.
fn told(fake: &Shared, bytes: &[u8]) -> Option<Message> {
    let asked = Message::from_vec(bytes).ok()?;
    let query = asked.queries.first()?.clone();
    let mut told = Message::response(asked.metadata.id, OpCode::Query);
    told.metadata.recursion_desired = asked.metadata.recursion_desired;
    let labels = Labels(query.name.iter().map(<[u8]>::to_ascii_lowercase).collect());
    let found = answer::find(&lock(fake), &labels, &query.query_type.to_string());
    told.add_query(query);
    match found {
        None => told.metadata.response_code = ResponseCode::Refused,
        Some(Answer { exists, records, authority }) => {
            told.metadata.authoritative = true;
            if !exists {
                told.metadata.response_code = ResponseCode::NXDomain;
            }
            told.add_answers(records);
            told.add_authorities(authority);
        }
    }
    Some(told)
}
