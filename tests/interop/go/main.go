// The stock Go client: it is given a card's address, a binding and a key, and prints what it saw as one JSON document.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2aclient"
	"github.com/a2aproject/a2a-go/v2/a2aclient/agentcard"
	"github.com/a2aproject/a2a-go/v2/a2agrpc/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

type asked struct {
	Card    string                      `json:"card"`
	Herald  string                      `json:"herald"`
	Key     string                      `json:"key"`
	Binding string                      `json:"binding"`
	Unknown string                      `json:"unknown"`
	Says    map[string]a2a.ContentParts `json:"says"`
}

type seen struct {
	Code    string `json:"code"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

func request(parts a2a.ContentParts, follows *a2a.Task, atOnce bool) *a2a.SendMessageRequest {
	message := a2a.NewMessage(a2a.MessageRoleUser, parts...)
	if follows != nil {
		message.TaskID, message.ContextID = follows.ID, follows.ContextID
	}
	sent := &a2a.SendMessageRequest{Message: message}
	if atOnce {
		sent.Config = &a2a.SendMessageConfig{ReturnImmediately: true}
	}
	return sent
}

func event(found a2a.Event) a2a.StreamResponse { return a2a.StreamResponse{Event: found} }

func must[T any](found T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return found
}

func send(ctx context.Context, client *a2aclient.Client, sent *a2a.SendMessageRequest) *a2a.Task {
	found := must(client.SendMessage(ctx, sent))
	task, ok := found.(*a2a.Task)
	if !ok {
		log.Fatalf("a message, not a task: %+v", found)
	}
	return task
}

func stream(ctx context.Context, client *a2aclient.Client, sent *a2a.SendMessageRequest) []a2a.StreamResponse {
	var events []a2a.StreamResponse
	for found, err := range client.SendStreamingMessage(ctx, sent) {
		events = append(events, event(must(found, err)))
	}
	return events
}

// watch gives the events of a task that is cancelled once the first one has come, and what the cancellation answered.
func watch(ctx context.Context, client *a2aclient.Client, id a2a.TaskID) ([]a2a.StreamResponse, *a2a.Task) {
	var events []a2a.StreamResponse
	var cancelled *a2a.Task
	for found, err := range client.SubscribeToTask(ctx, &a2a.SubscribeToTaskRequest{ID: id}) {
		events = append(events, event(must(found, err)))
		if len(events) == 1 {
			cancelled = must(client.CancelTask(ctx, &a2a.CancelTaskRequest{ID: id}))
		}
	}
	return events, cancelled
}

// streamFailure is the error that a stream ends with.
func streamFailure(ctx context.Context, client *a2aclient.Client, sent *a2a.SendMessageRequest) seen {
	for _, err := range client.SendStreamingMessage(ctx, sent) {
		if err != nil {
			return failure(err)
		}
	}
	return failure(nil)
}

// failure says what a program can tell of an error: which of the package's errors it is, and the reason in its details.
func failure(err error) seen {
	if err == nil {
		return seen{Code: "none"}
	}
	found := seen{Code: "other", Message: err.Error()}
	for name, known := range map[string]error{
		"ErrTaskNotFound":      a2a.ErrTaskNotFound,
		"ErrTaskNotCancelable": a2a.ErrTaskNotCancelable,
	} {
		if errors.Is(err, known) {
			found.Code = name
		}
	}
	var typed *a2a.Error
	if errors.As(err, &typed) {
		if info := typed.ErrorInfo(); info != nil {
			found.Reason = fmt.Sprint(info.Value["reason"])
		}
	}
	return found
}

func main() {
	var told asked
	if err := json.NewDecoder(os.Stdin).Decode(&told); err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	header := agentcard.WithRequestHeader("Authorization", "Bearer "+told.Key)
	card := must(agentcard.DefaultResolver.Resolve(ctx, told.Card, header))
	herald := must(agentcard.DefaultResolver.Resolve(ctx, told.Herald, header))

	// The key goes to each scheme that the card asks for, as the package's AuthInterceptor finds them there.
	store := a2aclient.NewInMemoryCredentialsStore()
	for _, requirement := range card.SecurityRequirements {
		for scheme := range requirement {
			store.Set("one", scheme, a2aclient.AuthCredential(told.Key))
			store.Set("another", scheme, "no-key")
		}
	}
	locked := a2aclient.AttachSessionID(ctx, "another")
	ctx = a2aclient.AttachSessionID(ctx, "one")
	preferred := []a2a.TransportProtocol{a2a.TransportProtocol(told.Binding)}
	factory := a2aclient.NewFactory(
		a2aclient.WithCallInterceptors(&a2aclient.AuthInterceptor{Service: store}),
		a2aclient.WithConfig(a2aclient.Config{PreferredTransports: preferred}),
		a2agrpc.WithGRPCTransport(grpc.WithTransportCredentials(insecure.NewCredentials())),
	)
	client := must(factory.CreateFromCard(ctx, card))
	greeter := must(factory.CreateFromCard(ctx, herald))

	unary := send(ctx, client, request(told.Says["unary"], nil, false))
	streamed := stream(ctx, client, request(told.Says["stream"], nil, false))
	asking := send(ctx, client, request(told.Says["ask"], nil, false))
	answered := send(ctx, client, request(told.Says["answer"], asking, false))
	read := must(client.GetTask(ctx, &a2a.GetTaskRequest{ID: unary.ID}))
	waiting := send(ctx, client, request(told.Says["wait"], nil, true))
	watched, cancelled := watch(ctx, client, waiting.ID)
	failed := send(ctx, client, request(told.Says["fail"], nil, false))
	listing := must(client.ListTasks(ctx, &a2a.ListTasksRequest{ContextID: asking.ContextID}))
	listed := []map[string]string{}
	for _, task := range listing.Tasks {
		listed = append(listed, map[string]string{"id": string(task.ID), "contextId": task.ContextID})
	}
	lost := request(told.Says["unary"], nil, false)
	lost.Message.TaskID = a2a.TaskID(told.Unknown)
	_, unopened := client.SendMessage(locked, request(told.Says["unary"], nil, false))
	greeting := must(greeter.SendMessage(ctx, request(told.Says["greet"], nil, false)))
	greetings := stream(ctx, greeter, request(told.Says["greet"], nil, false))
	_, unsent := client.SendMessage(ctx, lost)
	_, unknown := client.GetTask(ctx, &a2a.GetTaskRequest{ID: a2a.TaskID(told.Unknown)})
	_, ended := client.CancelTask(ctx, &a2a.CancelTaskRequest{ID: unary.ID})

	document := map[string]any{
		"card":      card,
		"binding":   told.Binding,
		"unary":     []a2a.StreamResponse{event(unary)},
		"stream":    streamed,
		"turns":     [][]a2a.StreamResponse{{event(asking)}, {event(answered)}},
		"get":       read,
		"cancel":    []any{event(waiting), cancelled},
		"subscribe": watched,
		"failed":    failed,
		"listed":    listed,
		"message":   [][]a2a.StreamResponse{{event(greeting)}, greetings},
		"errors": map[string]seen{
			"unknown": failure(unknown),
			"ended":   failure(ended),
			"unary":   failure(unsent),
			"key":     failure(unopened),
			"stream":  streamFailure(ctx, client, lost),
		},
	}
	if err := json.NewEncoder(os.Stdout).Encode(document); err != nil {
		log.Fatal(err)
	}
}
