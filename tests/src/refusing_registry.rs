//! A registry that answers whoever asks that it was asked too often.

use std::io::{Read, Write};
use std::net::TcpListener;

use anyhow::Result;

const BODY: &str =
    r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#;

/// Begins it, for the rest of this process; answers with its address.
pub fn refusing_registry() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut asked = [0; 4096];
            // Whatever was asked, and whether or not somebody still listens.
            let _ = stream.read(&mut asked);
            let _ = write!(
                stream,
                "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{BODY}",
                BODY.len()
            );
        }
    });
    Ok(address)
}
