//! PostgreSQL's binary COPY format: half the work of tokio-postgres' own writer, which checks the
//! type of each value.

use std::net::IpAddr;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::row::{COLUMN_COUNT, Row};
use super::values::Json;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The usual size of a row.
const ROW: usize = 512;
/// The server works on one part while the next one is encoded.
const ROWS_OF_A_PART: usize = 200;

/// All rows, in parts of one stream. The `buffer` gets its memory back when they are dropped.
pub(super) fn encode(rows: &[Row<'_>], buffer: &mut BytesMut) -> impl Iterator<Item = Bytes> {
    buffer.reserve(SIGNATURE.len() + 2 + rows.len() * ROW);
    let parts = rows.len().div_ceil(ROWS_OF_A_PART);
    let rows = rows.chunks(ROWS_OF_A_PART);
    (1..).zip(rows).map(move |(number, rows)| {
        if number == 1 {
            buffer.put_slice(SIGNATURE);
        }
        put_rows(buffer, rows);
        if number == parts {
            buffer.put_i16(END);
        }
        buffer.split().freeze()
    })
}

fn put_rows(out: &mut BytesMut, rows: &[Row<'_>]) {
    for row in rows {
        out.put_i16(COLUMN_COUNT);
        put(out, &row.id.0.to_be_bytes());
        for text in [&row.user_id, &row.username, &row.session_id] {
            put(out, text.as_bytes());
        }
        put(out, &row.timestamp.0.to_be_bytes());
        put(out, &row.connection_time.0.to_be_bytes());
        put(out, &row.client_id.0.to_be_bytes());
        put_ip(out, row.ip);
        for text in [
            &row.user_agent,
            &row.browser,
            &row.os,
            &row.device,
            &row.language,
        ] {
            match text {
                Some(text) => put(out, text.as_bytes()),
                None => out.put_i32(NULL),
            }
        }
        match &row.details {
            Some(json) => {
                put_length(out, json.len() + 1);
                out.put_u8(Json::VERSION);
                out.put_slice(json.as_bytes());
            }
            None => out.put_i32(NULL),
        }
    }
}

const NULL: i32 = -1;
const END: i16 = -1;

fn put(out: &mut BytesMut, value: &[u8]) {
    put_length(out, value.len());
    out.put_slice(value);
}

fn put_length(out: &mut BytesMut, length: usize) {
    // An event has 64 KiB at the most.
    out.put_i32(i32::try_from(length).unwrap_or(i32::MAX));
}

fn put_ip(out: &mut BytesMut, ip: Option<IpAddr>) {
    /// PostgreSQL's numbers for the address families, which may differ from the system's.
    const IPV4: u8 = 2;
    const IPV6: u8 = 3;
    match ip {
        Some(IpAddr::V4(ip)) => put(out, &[&[IPV4, 32, 0, 4], &ip.octets()[..]].concat()),
        Some(IpAddr::V6(ip)) => put(out, &[&[IPV6, 128, 0, 16], &ip.octets()[..]].concat()),
        None => out.put_i32(NULL),
    }
}
