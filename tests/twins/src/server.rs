//! The listener of a twin: a thread with a runtime of its own, and the handle that stops it.
//!
//! Connections are served by hyper directly, because a fault must be able to take the socket away from the server.

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, oneshot};

use crate::clock::Clock;
use crate::exchange::{Request, Shared, answer};
use crate::fault::Fault;

/// The part of a twin that is the same for every service. It stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    unix_socket: Option<PathBuf>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What a twin is built from.
pub(crate) struct Service {
    pub(crate) router: Router,
    pub(crate) clock: Clock,
    /// A path prefix the service may also be reached under; empty for none.
    pub(crate) prefix: &'static str,
}

impl Server {
    pub(crate) fn start(service: Service, address: SocketAddr, unix_socket: Option<&Path>) -> io::Result<Self> {
        let tcp = StdTcpListener::bind(address)?;
        tcp.set_nonblocking(true)?;
        let address = tcp.local_addr()?;
        let unix = unix_socket.map(StdUnixListener::bind).transpose()?;
        if let Some(unix) = &unix {
            unix.set_nonblocking(true)?;
        }
        let shared = Arc::new(Shared::new(service.router, service.clock, service.prefix));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("twin".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || runtime.block_on(accept(tcp, unix, shared, stopped))
        })?;
        Ok(Self {
            shared,
            address,
            unix_socket: unix_socket.map(Path::to_owned),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns the base URL, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the address of the listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the clock of the service.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Returns every request seen since the start or the last [`clear_requests`](Self::clear_requests), oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().expect("no holder of the requests panics").clone()
    }

    /// Forgets the requests seen so far.
    pub fn clear_requests(&self) {
        self.shared.requests.lock().expect("no holder of the requests panics").clear();
    }

    /// Adds a fault. A request meets the first fault that matches it, in the order they were added.
    pub fn inject(&self, fault: Fault) {
        self.shared.faults.lock().expect("no holder of the faults panics").push(fault);
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.shared.faults.lock().expect("no holder of the faults panics").clear();
    }

    /// Returns how many requests have met [`FaultKind::Hold`](crate::FaultKind::Hold) so far.
    pub fn held(&self) -> usize {
        self.shared.held.load(Ordering::SeqCst)
    }

    /// Lets every request go on that is held now.
    pub fn release(&self) {
        self.shared.released.notify_waiters();
    }

    /// Delays every answer by this much. The effect of a request does not wait.
    pub fn latency(&self, latency: Duration) {
        *self.shared.latency.lock().expect("no holder of the latency panics") = latency;
    }

    /// Returns the highest number of requests that were being handled at one time.
    pub fn in_flight_peak(&self) -> usize {
        self.shared.in_flight_peak.load(Ordering::SeqCst)
    }

    /// Returns the number of connections accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone only if the thread has ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // A panic on the twin's thread has been reported there; dropping must not panic again.
            let _ = thread.join();
        }
        if let Some(path) = &self.unix_socket {
            // A leftover socket file does no harm beyond its name.
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn accept(
    tcp: StdTcpListener,
    unix: Option<StdUnixListener>,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) {
    let tcp = TcpListener::from_std(tcp).expect("the runtime takes a bound listener");
    let unix = unix.map(|unix| UnixListener::from_std(unix).expect("the runtime takes a bound listener"));
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = tcp.accept() => {
                if let Ok((stream, _)) = accepted {
                    // Without this the small answers of a keep-alive connection wait for the client's acknowledgement.
                    stream.set_nodelay(true).expect("a fresh connection takes options");
                    tokio::spawn(serve(stream, Arc::clone(&shared)));
                }
            }
            stream = accept_unix(unix.as_ref()) => {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        }
    }
}

async fn accept_unix(listener: Option<&UnixListener>) -> UnixStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            return stream;
        }
    }
}

async fn serve<Stream: Transport>(stream: Stream, shared: Arc<Shared>) {
    shared.connections.fetch_add(1, Ordering::SeqCst);
    let reset = Arc::new(Notify::new());
    let service = service_fn(|request| answer(Arc::clone(&shared), Arc::clone(&reset), request));
    let mut connection =
        http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        biased;
        () = reset.notified() => connection.into_parts().io.into_inner().reset(),
        // An error here is the client's doing or a fault's; either way the connection is over.
        _ = &mut connection => {}
    }
}

/// A connection that can be ended without the courtesies.
trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    fn reset(self);
}

impl Transport for TcpStream {
    fn reset(self) {
        self.set_zero_linger().expect("an open connection takes options");
    }
}

impl Transport for UnixStream {
    /// A unix socket knows no reset; closing it without an answer is the nearest thing.
    fn reset(self) {}
}
