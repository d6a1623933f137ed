//! Connections to Valkey: one shared by all short commands, and one for each reader that waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use redis::{
    Client, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo, Pipeline, RedisError, ServerErrorKind, ToRedisArgs,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection},
    io::tcp::TcpSettings,
};

use crate::{Error, keys::Keys};

/// How long [`Queue::connect`] waits for a server that is just starting.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Codes of errors that pass: the disk or the memory is full, the server is busy, or its replicas are away.
const PASSING_ERRORS: &[&str] = &["MISCONF", "OOM", "BUSY", "LOADING", "NOREPLICAS"];
/// How long an answer to a command that does not wait may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A handle on the queue; cheap to clone. It reconnects by itself.
///
/// Addresses are `redis://[user:password@]host:port` and `redis+unix:///path?user=…&pass=…`.
#[derive(Clone)]
pub struct Queue {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) keys: Keys,
    client: Client,
    manager: ConnectionManager,
    born: Instant,
    /// When the connection last failed, in milliseconds after `born`.
    disturbed_at_ms: AtomicU64,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Queue {
    /// Connects; keys begin with `{prefix}:`. Waits some seconds for a server that is just starting.
    pub async fn connect(url: &str, prefix: &str) -> Result<Self, Error> {
        let keys = Keys::new(prefix)?;
        let address = |source: RedisError| Error::Address { address: without_password(url), source: source.into() };
        let info = url.into_connection_info().map_err(address)?;
        // Servers below 7.2 do not know how to be told the name of the library, and ours tells nobody anything.
        let settings = info.redis_settings().clone().set_skip_set_lib_name();
        // The library leaves Nagle's algorithm on, which costs 40 ms a command over TCP.
        let tcp = TcpSettings::default().set_nodelay(true);
        let info = info.set_redis_settings(settings).set_tcp_settings(tcp);
        let client = Client::open(info).map_err(address)?;
        // Few attempts: whoever asks hears within a second or so that nobody is there, and may ask again.
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT))
            .set_min_delay(Duration::from_millis(20))
            .set_max_delay(Duration::from_millis(500))
            .set_number_of_retries(4);
        let born = Instant::now();
        let (manager, _): (_, String) = loop {
            // A server that is loading its data accepts connections and refuses commands, so one command is part of this.
            let attempt = async {
                let mut manager = ConnectionManager::new_with_config(client.clone(), config.clone()).await?;
                let pong = redis::cmd("PING").query_async(&mut manager).await?;
                Ok((manager, pong))
            };
            match attempt.await {
                Ok(connected) => break connected,
                Err(source) if is_outage(&source) && born.elapsed() < CONNECT_PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(source) if is_outage(&source) => {
                    return Err(Error::Unreachable { address: without_password(url), source: source.into() });
                }
                Err(source) => return Err(Error::Refused { address: without_password(url), source: source.into() }),
            }
        };
        let inner = Inner { keys, client, manager, born, disturbed_at_ms: AtomicU64::new(0) };
        let queue = Self { inner: Arc::new(inner) };
        queue.note_disturbance();
        Ok(queue)
    }

    /// Asks for a sign of life.
    pub async fn ping(&self) -> Result<(), Error> {
        self.query::<String>("reach Valkey", &redis::cmd("PING")).await.map(drop)
    }

    /// Returns a name that changes when the server restarts or loses its data: reconcile then.
    pub async fn run_id(&self) -> Result<String, Error> {
        let epoch_key = self.inner.keys.epoch();
        let mut ask = redis::pipe();
        ask.add_command(command("INFO", &["server"]));
        ask.add_command(command("SET", &[&epoch_key, &random_token()?, "NX"])).ignore();
        ask.add_command(command("GET", &[&epoch_key]));
        let (info, epoch): (String, String) = self.query_all("ask Valkey who it is", &ask).await?;
        let run_id = info.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap_or_default();
        Ok(format!("{}/{epoch}", run_id.trim()))
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    pub(crate) fn client(&self) -> &Client {
        &self.inner.client
    }

    /// Returns where the server is, without the password.
    pub(crate) fn address(&self) -> String {
        self.inner.client.get_connection_info().addr().to_string()
    }

    /// Sends a command over the shared connection.
    pub(crate) async fn query<T: FromRedisValue>(&self, action: &'static str, command: &Cmd) -> Result<T, Error> {
        let mut connection = self.inner.manager.clone();
        command.query_async(&mut connection).await.map_err(|source| self.failed(action, source))
    }

    /// Sends several commands over the shared connection at once.
    pub(crate) async fn query_all<T: FromRedisValue>(
        &self,
        action: &'static str,
        commands: &Pipeline,
    ) -> Result<T, Error> {
        let mut connection = self.inner.manager.clone();
        commands.query_async(&mut connection).await.map_err(|source| self.failed(action, source))
    }

    /// Turns a failure into our error, and remembers that there was one.
    pub(crate) fn failed(&self, action: &'static str, source: RedisError) -> Error {
        if source.to_string().contains("Function not found") {
            self.note_disturbance();
            return Error::NotPrepared { action };
        }
        if is_outage(&source) {
            self.note_disturbance();
        }
        Error::Command { action, source: source.into() }
    }

    fn note_disturbance(&self) {
        let now_ms = u64::try_from(self.inner.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.inner.disturbed_at_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    /// Returns whether the connection has been well for this long.
    ///
    /// After an outage all leases look expired, though their holders are alive and about to beat again.
    /// So nobody takes a lease away from another before the connection has been well for a whole lease.
    pub(crate) fn is_calm_for(&self, lease: Duration) -> bool {
        let disturbed_at = Duration::from_millis(self.inner.disturbed_at_ms.load(Ordering::Relaxed));
        self.inner.born.elapsed().saturating_sub(disturbed_at) >= lease
    }
}

/// A connection for one reader that waits: on a shared one everybody else would wait too.
pub(crate) struct WaitingConnection {
    queue: Queue,
    /// With the id that the server gave it.
    connection: Option<(MultiplexedConnection, i64)>,
}

impl WaitingConnection {
    pub(crate) fn new(queue: &Queue) -> Self {
        Self { queue: queue.clone(), connection: None }
    }

    /// Opens the connection unless it is open, and returns its id, for `CLIENT UNBLOCK`.
    pub(crate) async fn open(&mut self, action: &'static str) -> Result<i64, Error> {
        if let Some((_, id)) = &self.connection {
            return Ok(*id);
        }
        let mut connection = open_connection(&self.queue, action).await?;
        let ask = command("CLIENT", &["ID"]);
        let id = ask.query_async(&mut connection).await.map_err(|source| self.queue.failed(action, source))?;
        self.connection = Some((connection, id));
        Ok(id)
    }

    /// Sends commands of which one waits up to `block` on the server.
    ///
    /// When the returned future fails or is dropped, the connection goes with it, so that the server stops waiting for
    /// a reader that is gone and hands nothing more to it.
    pub(crate) async fn query_all<T: FromRedisValue>(
        &mut self,
        action: &'static str,
        commands: &Pipeline,
        block: Duration,
    ) -> Result<T, Error> {
        let id = self.open(action).await?;
        let Some((mut connection, _)) = self.connection.take() else {
            return Err(Error::Reply { action, reply: "no connection".to_owned() });
        };
        connection.set_response_timeout(block + ANSWER_TIMEOUT);
        let answer = commands.query_async(&mut connection).await.map_err(|source| self.queue.failed(action, source))?;
        self.connection = Some((connection, id));
        Ok(answer)
    }
}

/// Opens a connection beside the shared one.
pub(crate) async fn open_connection(queue: &Queue, action: &'static str) -> Result<MultiplexedConnection, Error> {
    let config = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(ANSWER_TIMEOUT));
    queue
        .client()
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .map_err(|source| queue.failed(action, source))
}

/// Returns a command with its arguments.
pub(crate) fn command(name: &str, arguments: &[&str]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(arguments);
    command
}

/// Returns the call of one of our functions, to which the caller adds the arguments.
pub(crate) fn function<K: ToRedisArgs>(name: &str, keys: &[K]) -> Cmd {
    let mut command = redis::cmd("FCALL");
    command.arg(name).arg(keys.len()).arg(keys);
    command
}

/// Returns 128 random bits in hex.
pub(crate) fn random_token() -> Result<String, Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Returns whether the same command may succeed later without anybody changing anything.
pub(crate) fn is_outage(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse => true,
        ErrorKind::Server(kind) => matches!(
            kind,
            ServerErrorKind::BusyLoading
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
        ),
        // The errors of a pipeline have no code of their own, only a text.
        _ => {
            let text = error.to_string();
            error.is_connection_dropped() || PASSING_ERRORS.iter().any(|code| text.contains(code))
        }
    }
}

/// Returns an address without user and password, for messages.
fn without_password(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => format!("{}{}", &url[..scheme + 3], &url[at + 1..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn no_message_shows_a_password() {
        assert_eq!(without_password("redis://worker:s3cret@host:6379/0"), "redis://host:6379/0");
        assert_eq!(without_password("redis+unix:///run/v.sock?user=worker&pass=s3cret"), "redis+unix:///run/v.sock");
        assert_eq!(without_password("redis://host:6379"), "redis://host:6379");
    }
}
