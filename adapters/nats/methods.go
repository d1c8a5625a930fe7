package nats

import (
	"context"
	"strconv"
	"strings"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

type message struct {
	Subject string                 `json:"subject" doc:"where the message goes"`
	Payload value.Value            `json:"payload,omitzero" doc:"sent as JSON unless it is a text"`
	Headers map[string]value.Value `json:"headers,omitempty" doc:"headers by name; a list gives one for each element"`
}

// compose makes the message. Its identifier is the same each time the task is tried.
func (l *link) compose(in *message, key string) (*client.Msg, error) {
	if err := l.permit(in.Subject); err != nil {
		return nil, err
	}
	m := client.NewMsg(in.Subject)
	switch {
	case in.Payload.IsAbsent():
	case in.Payload.IsString():
		m.Data = []byte(in.Payload.Text())
	default:
		m.Data = in.Payload.AppendJSON(nil)
	}
	for name, v := range in.Headers {
		if name == "" || strings.ContainsAny(name, ": \r\n") {
			return nil, network.Wrong("/headers: %q is no name of a header", name)
		}
		if !v.IsArray() {
			v = value.Array(v)
		}
		for _, e := range v.Elements() {
			text := e.Text()
			if !e.IsString() {
				text = e.String()
			}
			if strings.ContainsAny(text, "\r\n") {
				return nil, network.Wrong("/headers/%s must be one line", value.EscapePointer(name))
			}
			m.Header[name] = append(m.Header[name], text)
		}
	}
	if m.Header.Get(client.MsgIdHdr) == "" {
		m.Header.Set(client.MsgIdHdr, key)
	}
	return m, nil
}

type publishInput struct {
	message
	JetStream bool   `json:"jetStream,omitempty" doc:"have a stream store it, once for each task however often that is tried"`
	Stream    string `json:"stream,omitempty" doc:"jetStream: the stream that must be the one"`
}

type publishOutput struct {
	Stream    string `json:"stream" doc:"that stored the message"`
	Sequence  uint64 `json:"sequence" doc:"of the message in the stream"`
	Duplicate bool   `json:"duplicate" doc:"whether the stream had it already"`
}

func publish(ctx context.Context, call *adapters.Call, in publishInput) (publishOutput, error) {
	l := adapters.Client[*link](call)
	m, err := l.compose(&in.message, call.Order.Key)
	if err != nil {
		return publishOutput{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	if !in.JetStream {
		if err = l.conn.PublishMsg(m); err == nil {
			err = l.conn.FlushWithContext(bounded)
		}
		if err == nil {
			err = l.denied(in.Subject)
		}
		if err != nil {
			return publishOutput{}, l.because(ctx, err)
		}
		return publishOutput{}, nil
	}
	var options []jetstream.PublishOpt
	if in.Stream != "" {
		options = append(options, jetstream.WithExpectStream(in.Stream))
	}
	ack, err := l.stream.PublishMsg(bounded, m, options...)
	if err != nil {
		return publishOutput{}, l.because(ctx, err)
	}
	return publishOutput{ack.Stream, ack.Sequence, ack.Duplicate}, nil
}

// denied is what the server said about a subject, which it says beside the answers to calls.
func (l *link) denied(subject string) error {
	if err := l.conn.LastError(); err != nil && strings.Contains(err.Error(), strconv.Quote(subject)) {
		return err
	}
	return nil
}

type requestInput struct {
	message
	TimeoutSeconds float64 `json:"timeoutSeconds,omitempty" doc:"for the answer; the instance's unless given"`
}

type requestOutput struct {
	Payload value.Value         `json:"payload" doc:"the answer, read when it is JSON"`
	Headers map[string][]string `json:"headers" doc:"of the answer"`
}

func request(ctx context.Context, call *adapters.Call, in requestInput) (requestOutput, error) {
	l := adapters.Client[*link](call)
	m, err := l.compose(&in.message, call.Order.Key)
	if err != nil {
		return requestOutput{}, err
	}
	seconds, err := network.Bounds("/timeoutSeconds", in.TimeoutSeconds, l.timeout.Seconds(), 600)
	if err != nil {
		return requestOutput{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, time.Duration(seconds*float64(time.Second)))
	defer cancel()
	answer, err := l.conn.RequestMsgWithContext(bounded, m)
	if err != nil {
		return requestOutput{}, l.because(ctx, err)
	}
	if text := answer.Header.Get("Nats-Service-Error"); text != "" {
		e := network.Remote(false, "%s answered: %s", in.Subject, text)
		e.Details = value.Object("code", value.String(answer.Header.Get("Nats-Service-Error-Code")), "response", value.OfBody(answer.Data))
		return requestOutput{}, e
	}
	out := requestOutput{Payload: value.OfBody(answer.Data), Headers: map[string][]string{}}
	for name, values := range answer.Header {
		out.Headers[name] = values
	}
	return out, nil
}
