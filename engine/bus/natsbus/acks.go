package natsbus

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// acks hands the streams' answers back to the Publish calls that wait for them. The
// jetstream package's futures do the same at the price of a timer, two channels and a JSON
// decoding for each message; here a call waits on one channel for all of its own.
type acks struct {
	prefix string // of reply subjects: prefix, flight, '.', index of the message

	mu      sync.Mutex
	last    uint64
	flights map[uint64]*flight
}

// flight is the messages of one call between sending and answer.
type flight struct {
	id       uint64
	answered []bool
	errs     []error
	left     int
	landed   chan struct{} // closed when left is 0
}

func newAcks() *acks { return &acks{prefix: nats.NewInbox() + ".", flights: map[uint64]*flight{}} }

func (a *acks) listen(conn *nats.Conn) error {
	sub, err := conn.Subscribe(a.prefix+"*.*", a.receive)
	if err != nil {
		return err
	}
	return sub.SetPendingLimits(-1, -1) // bounded by what is in flight
}

func (a *acks) begin(n int) *flight {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last++
	f := &flight{id: a.last, answered: make([]bool, n), errs: make([]error, n), left: n, landed: make(chan struct{})}
	a.flights[f.id] = f
	return f
}

func (a *acks) reply(f *flight, i int) string {
	b := make([]byte, 0, len(a.prefix)+16)
	b = append(b, a.prefix...)
	b = strconv.AppendUint(b, f.id, 36)
	b = append(b, '.')
	return string(strconv.AppendUint(b, uint64(i), 36))
}

// end gives what is unanswered the error; answers that still come find no flight.
func (a *acks) end(f *flight, err error) []error {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.flights, f.id)
	for i := range f.errs {
		if !f.answered[i] {
			f.errs[i] = err
		}
	}
	return f.errs
}

// abort ends all flights: with the connection, the answers are lost.
func (a *acks) abort(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.flights {
		for i := range f.errs {
			f.settle(i, err)
		}
	}
}

func (f *flight) settle(i int, err error) {
	if f.answered[i] {
		return
	}
	f.answered[i], f.errs[i] = true, err
	if f.left--; f.left == 0 {
		close(f.landed)
	}
}

func (a *acks) settle(id uint64, i int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f := a.flights[id]; f != nil && i < len(f.errs) {
		f.settle(i, err)
	}
}

func (a *acks) receive(m *nats.Msg) {
	flight, index, _ := strings.Cut(m.Subject[len(a.prefix):], ".")
	id, err := strconv.ParseUint(flight, 36, 64)
	if err != nil {
		return // nobody's answer
	}
	i, err := strconv.ParseUint(index, 36, 32)
	if err != nil {
		return
	}
	a.settle(id, int(i), answer(m))
}

// answer reads a PubAck; the common one is not worth a JSON decoder.
func answer(m *nats.Msg) error {
	if bytes.HasPrefix(m.Data, []byte(`{"stream":`)) && bytes.Contains(m.Data, []byte(`"seq":`)) {
		return nil
	}
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		return jetstream.ErrNoStreamResponse
	}
	var ack struct {
		Error  *jetstream.APIError `json:"error"`
		Stream string              `json:"stream"`
	}
	switch err := json.Unmarshal(m.Data, &ack); {
	case err != nil:
		return jetstream.ErrInvalidJSAck
	case ack.Error != nil:
		return ack.Error
	case ack.Stream == "":
		return jetstream.ErrInvalidJSAck
	}
	return nil
}
