//! The stock Rust client: it is given a card's address, a binding and a key, and prints what it saw as one JSON
//! document.

use std::error::Error;
use std::io;
use std::sync::Arc;

use a2a::{
    A2AError, CancelTaskRequest, GetTaskRequest, ListTasksRequest, Message, Part, Role, SendMessageConfiguration,
    SendMessageRequest, SendMessageResponse, SubscribeToTaskRequest, Task,
};
use a2a_client::agent_card::AgentCardResolver;
use a2a_client::auth::AuthInterceptor;
use a2a_client::{A2AClient, A2AClientFactory, Transport};
use a2a_grpc::GrpcTransportFactory;
use futures::StreamExt;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::{Value, json};

type Client = A2AClient<Box<dyn Transport>>;

fn request(parts: &Value, follows: Option<&Task>, at_once: bool) -> SendMessageRequest {
    let parts: Vec<Part> = serde_json::from_value(parts.clone()).expect("parts");
    let mut message = Message::new(Role::User, parts);
    if let Some(task) = follows {
        message.task_id = Some(task.id.clone());
        message.context_id = Some(task.context_id.clone());
    }
    let configuration = at_once.then(|| SendMessageConfiguration {
        accepted_output_modes: None,
        task_push_notification_config: None,
        history_length: None,
        return_immediately: Some(true),
    });
    SendMessageRequest { message, configuration, metadata: None, tenant: None }
}

async fn send(client: &Client, request: SendMessageRequest) -> Result<Task, Box<dyn Error>> {
    match client.send_message(&request).await? {
        SendMessageResponse::Task(task) => Ok(task),
        SendMessageResponse::Message(message) => Err(format!("a message, not a task: {message:?}").into()),
    }
}

async fn stream(client: &Client, request: SendMessageRequest) -> Result<Vec<Value>, Box<dyn Error>> {
    let mut events = Vec::new();
    let mut arriving = client.send_streaming_message(&request).await?;
    while let Some(event) = arriving.next().await {
        events.push(serde_json::to_value(event?)?);
    }
    Ok(events)
}

/// The events of a task that is cancelled once the first one has come, and what the cancellation answered.
async fn watch(client: &Client, id: &str) -> Result<(Vec<Value>, Value), Box<dyn Error>> {
    let mut events = Vec::new();
    let mut cancelled = Value::Null;
    let subscription = SubscribeToTaskRequest { id: id.to_owned(), tenant: None };
    let mut arriving = client.subscribe_to_task(&subscription).await?;
    while let Some(event) = arriving.next().await {
        events.push(serde_json::to_value(event?)?);
        if events.len() == 1 {
            cancelled = serde_json::to_value(client.cancel_task(&cancel(id)).await?)?;
        }
    }
    Ok((events, cancelled))
}

fn cancel(id: &str) -> CancelTaskRequest {
    CancelTaskRequest { id: id.to_owned(), metadata: None, tenant: None }
}

fn error<T>(outcome: Result<T, A2AError>) -> Value {
    match outcome {
        Ok(_) => json!("no error"),
        Err(error) => {
            let reason = error.details.iter().flatten().find_map(|each| each.value.get("reason").cloned());
            json!({"code": error.code, "reason": reason, "message": error.message})
        }
    }
}

/// The error of a stream: as the call's, or as its first event.
async fn stream_error(client: &Client, request: &SendMessageRequest) -> Value {
    match client.send_streaming_message(request).await {
        Ok(mut events) => match events.next().await {
            Some(event) => error(event),
            None => json!("no event"),
        },
        Err(refused) => error::<()>(Err(refused)),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let asked: Value = serde_json::from_reader(io::stdin())?;
    let word = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
    let says = |name: &str| &asked["says"][name];

    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {}", word("key")).parse()?);
    let http = reqwest::Client::builder().default_headers(headers).no_proxy().build()?;
    let resolver = AgentCardResolver::new(Some(http));
    let card = resolver.resolve(&word("card")).await?;
    let factory = |key: &str| {
        A2AClientFactory::builder()
            .register(Arc::new(GrpcTransportFactory::new()))
            .preferred_bindings(vec![word("binding")])
            .with_interceptor(Arc::new(AuthInterceptor::bearer(key)))
            .build()
    };
    let (client, interface) = factory(&word("key")).create_from_card_with_interface(&card).await?;
    let locked = factory("no-key").create_from_card(&card).await?;
    let greeter = factory(&word("key")).create_from_card(&resolver.resolve(&word("herald")).await?).await?;

    let unary = send(&client, request(says("unary"), None, false)).await?;
    let streamed = stream(&client, request(says("stream"), None, false)).await?;
    let asking = send(&client, request(says("ask"), None, false)).await?;
    let answered = send(&client, request(says("answer"), Some(&asking), false)).await?;
    let get = |id: &str| GetTaskRequest { id: id.to_owned(), history_length: None, tenant: None };
    let read = client.get_task(&get(&unary.id)).await?;
    let waiting = send(&client, request(says("wait"), None, true)).await?;
    let (watched, cancelled) = watch(&client, &waiting.id).await?;
    let failed = send(&client, request(says("fail"), None, false)).await?;
    let listing = ListTasksRequest {
        context_id: Some(asking.context_id.clone()),
        status: None,
        page_size: None,
        page_token: None,
        history_length: None,
        status_timestamp_after: None,
        include_artifacts: None,
        tenant: None,
    };
    let tasks = client.list_tasks(&listing).await?.tasks;
    let listed: Vec<Value> = tasks.iter().map(|task| json!({"id": task.id, "contextId": task.context_id})).collect();
    let unknown = word("unknown");
    let mut lost = request(says("unary"), None, false);
    lost.message.task_id = Some(unknown.clone());
    let document = json!({
        "card": card,
        "binding": interface.protocol_binding,
        "unary": [{"task": unary}],
        "stream": streamed,
        "turns": [[{"task": asking}], [{"task": answered}]],
        "get": read,
        "cancel": [{"task": waiting}, cancelled],
        "subscribe": watched,
        "failed": failed,
        "listed": listed,
        "message": [
            [greeter.send_message(&request(says("greet"), None, false)).await?],
            stream(&greeter, request(says("greet"), None, false)).await?,
        ],
        "errors": {
            "unknown": error(client.get_task(&get(&unknown)).await),
            "ended": error(client.cancel_task(&cancel(&unary.id)).await),
            "key": error(locked.send_message(&request(says("unary"), None, false)).await),
            "unary": error(client.send_message(&lost).await),
            "stream": stream_error(&client, &lost).await,
        },
    });
    println!("{document}");
    Ok(())
}
