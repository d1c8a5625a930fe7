package adapters

import (
	"context"
	"fmt"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/workflows/value"
)

// Event is news about an outside system: a platform event, which starts automations by their
// event triggers and is what eventListenerJob tasks wait for.
type Event struct {
	Source   string // who tells: the app of the adapter
	Topic    string
	Instance string      // the adapter instance it is about, if it is about one
	ID       string      // drops repeats within half a minute; "" is never one
	Body     value.Value // what happened
}

// maxEvent bounds an event as a message, in bytes.
const maxEvent = 768 << 10

// JSON is the message of the event: {v, source, topic, instance, body}.
func (e *Event) JSON() []byte {
	w := value.Writer{}
	w.Open("", '{')
	w.Int("v", Version)
	w.Text("type", e.Topic)
	w.Text("source", e.Source)
	w.Text("topic", e.Topic)
	w.OptText("instance", e.Instance)
	w.OptValue("body", e.Body)
	w.Close('}')
	return w.Buf
}

// Emit publishes an event on the feed. Adapters with credentials of their own may do so under
// the name of their app only.
func Emit(ctx context.Context, b bus.Bus, e Event) error {
	if e.Source == "" || e.Topic == "" {
		return fmt.Errorf("an event needs a source and a topic")
	}
	data := e.JSON()
	if len(data) > maxEvent {
		return fmt.Errorf("the event %s of %s has %d bytes; %d are the most", e.Topic, e.Source, len(data), maxEvent)
	}
	if err := b.Publish(ctx, bus.Message{Subject: bus.PlatformFeedSubject(e.Source, e.Topic), ID: e.ID, Data: data})[0]; err != nil {
		return fmt.Errorf("event %s of %s: %w", e.Topic, e.Source, err)
	}
	return nil
}

// Emit publishes an event of the call's app and instance; see [Emit]. A repeated order emits
// what has the same topic once.
func (c *Call) Emit(ctx context.Context, topic string, body value.Value) error {
	return Emit(ctx, c.bus, Event{
		Source: c.Order.App, Topic: topic, Instance: c.Instance.ID, ID: c.Order.Key + "/event/" + topic, Body: c.opened.strike(body),
	})
}

// Resolve puts secrets in the places of a configuration that name them.
func Resolve(ctx context.Context, secrets Secrets, config value.Value) (value.Value, error) {
	var hidden []string
	return (&instances{secrets: secrets}).resolve(ctx, config, &hidden)
}
