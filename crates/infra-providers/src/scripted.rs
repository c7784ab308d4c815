//! A provider for tests: a server that speaks the OpenAI dialect over a real socket and does what a
//! script tells it, faults included. It keeps every request, and a bill as a provider would.

mod chat;
mod embeddings;
mod http;
mod record;
mod script;

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{Connection, Incoming};
use record::Ledger;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use url::Url;

pub use record::{Charge, Progress, RecordedRequest};
pub use script::{EmbeddingFault, EmbeddingScript, Fault, Script, UsageMode, Verbatim};

type Hook = Arc<dyn Fn(Arc<RecordedRequest>) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;
type Chooser = Arc<dyn Fn(&RecordedRequest) -> Option<Script> + Send + Sync>;

/// A running server; it ends, with all its connections, when it is dropped.
pub struct ScriptedServer {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl ScriptedServer {
    /// Starts a server on a free port of the loopback address.
    ///
    /// # Errors
    /// When no socket can be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts a server on an address, such as that of one that was stopped before.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn start_on(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::default());
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { address, state, task })
    }

    /// The address of a port on which nobody listens.
    ///
    /// # Errors
    /// When no socket can be had.
    pub async fn refused_url() -> io::Result<Url> {
        Ok(base_url(TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?))
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to configure as the base URL.
    #[must_use]
    pub fn base_url(&self) -> Url {
        base_url(self.address)
    }

    /// Serves below another path than `/v1`, and returns what to configure for it.
    #[must_use]
    pub fn serve_below(&self, path: &str) -> Url {
        self.state.scripts().path = path.to_owned();
        let mut url = self.base_url();
        url.set_path(path);
        url
    }

    /// How chat requests are answered that have no script of their own.
    pub fn set_default(&self, script: Script) {
        self.state.scripts().default = script;
    }

    /// How the next chat request is answered; scripts that are pushed wait in line.
    pub fn push(&self, script: Script) {
        self.state.scripts().queue.push_back(script);
    }

    /// Chooses scripts by the request, before those that wait in line and the default.
    pub fn choose(&self, chooser: impl Fn(&RecordedRequest) -> Option<Script> + Send + Sync + 'static) {
        self.state.scripts().chooser = Some(Arc::new(chooser));
    }

    /// How requests for embeddings are answered from now on.
    pub fn set_embeddings(&self, script: EmbeddingScript) {
        self.state.scripts().embeddings = script;
    }

    /// How the next request for embeddings is answered; scripts that are pushed wait in line.
    pub fn push_embeddings(&self, script: EmbeddingScript) {
        self.state.scripts().embedding_queue.push_back(script);
    }

    /// The models of its list.
    pub fn set_models(&self, models: impl IntoIterator<Item = impl Into<String>>) {
        self.state.scripts().models = models.into_iter().map(Into::into).collect();
    }

    /// How long it thinks before it tells its list.
    pub fn set_list_delay(&self, delay: Duration) {
        self.state.scripts().list_delay = delay;
    }

    /// How its list of models is told, in place of those.
    pub fn set_list(&self, list: Verbatim) {
        self.state.scripts().list = Some(list);
    }

    /// How often its list of models was asked for.
    #[must_use]
    pub fn lists(&self) -> u64 {
        self.state.ledger().lists
    }

    /// Calls a closure with each request before it is answered, for instance to see that no
    /// transaction is open. Its error becomes a status 500 and a violation.
    pub fn on_request<F, Fut>(&self, hook: F)
    where
        F: Fn(Arc<RecordedRequest>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.state.scripts().hook = Some(Arc::new(move |request| Box::pin(hook(request))));
    }

    /// What the closures of [`ScriptedServer::on_request`] complained about.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.state.ledger().violations.clone()
    }

    /// The requests of chats and embeddings, in the order of their arrival; the last 10,000.
    #[must_use]
    pub fn requests(&self) -> Vec<Arc<RecordedRequest>> {
        self.state.ledger().requests.iter().cloned().collect()
    }

    /// What was charged, in the order in which answers began; the last million.
    #[must_use]
    pub fn bill(&self) -> Vec<Charge> {
        self.state.ledger().bill.iter().cloned().collect()
    }

    /// How far the requests are, at each moment.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.state.progress.subscribe()
    }

    /// Waits until the progress is as wanted.
    pub async fn wait_for(&self, wanted: impl FnMut(&Progress) -> bool) {
        // The sender lives as long as the server, so this cannot fail.
        let _ = self.progress().wait_for(wanted).await;
    }

    /// Stops listening and cuts all connections; waits until that is done.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::expect_used, reason = "an address with a port is always a URL")]
fn base_url(address: SocketAddr) -> Url {
    Url::parse(&format!("http://{address}/v1")).expect("a socket address is a host and a port")
}

/// What all connections share.
#[derive(Default)]
struct State {
    scripts: Mutex<Scripts>,
    ledger: Mutex<Ledger>,
    progress: watch::Sender<Progress>,
}

/// What the server is told to do.
struct Scripts {
    default: Script,
    queue: VecDeque<Script>,
    chooser: Option<Chooser>,
    embeddings: EmbeddingScript,
    embedding_queue: VecDeque<EmbeddingScript>,
    models: Vec<String>,
    list_delay: Duration,
    list: Option<Verbatim>,
    path: String,
    hook: Option<Hook>,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            default: Script::default(),
            queue: VecDeque::new(),
            chooser: None,
            embeddings: EmbeddingScript::default(),
            embedding_queue: VecDeque::new(),
            models: vec!["scripted".to_owned()],
            list_delay: Duration::ZERO,
            list: None,
            path: "/v1".to_owned(),
            hook: None,
        }
    }
}

impl State {
    fn scripts(&self) -> MutexGuard<'_, Scripts> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn script_for(&self, request: &RecordedRequest) -> Script {
        let chooser = self.scripts().chooser.clone();
        if let Some(script) = chooser.and_then(|choose| choose(request)) {
            return script;
        }
        let mut scripts = self.scripts();
        scripts.queue.pop_front().unwrap_or_else(|| scripts.default.clone())
    }

    fn embedding_script(&self) -> EmbeddingScript {
        let mut scripts = self.scripts();
        scripts.embedding_queue.pop_front().unwrap_or_else(|| scripts.embeddings.clone())
    }

    /// Records a request and lets the hook see it.
    async fn arrive(&self, incoming: &Incoming, connection: u64) -> Result<Arc<RecordedRequest>, String> {
        let body = serde_json::from_slice(&incoming.body).map_err(|error| error.to_string())?;
        let request = self.ledger().arrive(incoming, connection, body);
        self.progress.send_modify(|progress| progress.arrived += 1);
        let hook = self.scripts().hook.clone();
        if let Some(hook) = hook
            && let Err(violation) = hook(Arc::clone(&request)).await
        {
            self.ledger().violations.push(violation.clone());
            return Err(violation);
        }
        Ok(request)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        while connections.try_join_next().is_some() {}
        if let Ok((stream, _)) = listener.accept().await {
            number += 1;
            connections.spawn(serve(stream, number, Arc::clone(&state)));
        }
    }
}

async fn serve(stream: TcpStream, number: u64, state: Arc<State>) {
    let mut connection = Connection::new(stream);
    // A peer that breaks off is what these tests are about: its connection just ends.
    while let Ok(Some(incoming)) = connection.read().await {
        if !matches!(answer(&mut connection, number, &state, &incoming).await, Ok(true)) {
            return;
        }
    }
}

/// Answers one request on the connection of that number; `false`: the connection is to end.
async fn answer(connection: &mut Connection, number: u64, state: &State, incoming: &Incoming) -> io::Result<bool> {
    let prefix = state.scripts().path.clone();
    let path = incoming.path.strip_prefix(&prefix).unwrap_or_default();
    if path == "/models" && incoming.method == "GET" {
        let delay = state.scripts().list_delay;
        tokio::time::sleep(delay).await;
        state.ledger().lists += 1;
        let list = state.scripts().list.clone();
        if let Some(list) = list {
            connection.verbatim(&list).await?;
            return Ok(true);
        }
        let models = state.scripts().models.clone();
        let models: Vec<_> =
            models.iter().map(|id| serde_json::json!({ "id": id, "object": "model", "created": 7 })).collect();
        connection.json(200, &serde_json::json!({ "object": "list", "data": models })).await?;
        return Ok(true);
    }
    if incoming.method != "POST" || !matches!(path, "/chat/completions" | "/embeddings") {
        connection.json(404, &script::error_body("there is no such path")).await?;
        return Ok(true);
    }
    let request = match state.arrive(incoming, number).await {
        Ok(request) => request,
        Err(violation) => {
            connection.json(500, &script::error_body(&violation)).await?;
            return Ok(true);
        }
    };
    if path == "/embeddings" {
        embeddings::answer(connection, state, &request).await
    } else {
        chat::answer(connection, state, &request).await
    }
}
