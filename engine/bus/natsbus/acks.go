package natsbus

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/engine/bus"
)

// acks hands the streams' answers back to the Publish calls that wait for them. The
// jetstream package's futures do the same at the price of a timer, two channels and a JSON
// decoding for each message; here a call waits on one channel for all of its own.
type acks struct {
	prefix string // of reply subjects: prefix, flight, '.', index of the message

	mu      sync.Mutex
	last    uint64
	flights map[uint64]*flight
	idle    []*flight
}

// Idle flights kept, and how large those may be.
const (
	idleFlights = 64
	idleSize    = 256
)

// flight is the messages of one call between sending and answer. It serves another call
// afterwards: that saves making it, and the server finds the routes of its answers in a
// cache, which it keeps by subject.
type flight struct {
	id       uint64
	replies  []string // as many as were ever needed
	answered []bool
	errs     []error
	left     int
	stray    bool          // answers may come after the end
	landed   chan struct{} // is sent to when left gets 0
	patience *time.Timer   // set by who waits

	// Of the message being encoded.
	header nats.Header
	values []string
}

func newAcks() *acks { return &acks{prefix: nats.NewInbox() + ".", flights: map[uint64]*flight{}} }

func (a *acks) listen(conn *nats.Conn) error {
	sub, err := conn.Subscribe(a.prefix+"*.*", a.receive)
	if err != nil {
		return err
	}
	return sub.SetPendingLimits(-1, -1) // bounded by what is in flight
}

// begin returns a flight for n messages.
func (a *acks) begin(n int) *flight {
	a.mu.Lock()
	defer a.mu.Unlock()
	var f *flight
	if last := len(a.idle) - 1; last >= 0 {
		f, a.idle = a.idle[last], a.idle[:last]
	} else {
		a.last++
		f = &flight{id: a.last, landed: make(chan struct{}, 1), patience: time.NewTimer(answerTimeout), header: nats.Header{}}
	}
	for i := len(f.replies); i < n; i++ {
		f.replies = append(f.replies, a.reply(f.id, i))
	}
	if cap(f.errs) < n {
		f.answered, f.errs = make([]bool, n), make([]error, n)
	}
	f.answered, f.errs, f.left = f.answered[:n], f.errs[:n], n
	a.flights[f.id] = f
	return f
}

func (a *acks) reply(id uint64, i int) string {
	b := make([]byte, 0, len(a.prefix)+16)
	b = append(b, a.prefix...)
	b = strconv.AppendUint(b, id, 36)
	b = append(b, '.')
	return string(strconv.AppendUint(b, uint64(i), 36))
}

// end gives what is unanswered the error. Answers that still come find no flight.
func (a *acks) end(f *flight, err error) {
	f.patience.Stop()
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.flights, f.id)
	for i := range f.errs {
		if !f.answered[i] {
			f.answered[i], f.errs[i], f.stray = true, err, true
		}
	}
}

// release makes an ended flight fit for another call, whose answers must not be mixed up with its own.
func (a *acks) release(f *flight) {
	if f.stray || len(f.replies) > idleSize {
		return
	}
	select {
	case <-f.landed: // nobody waited any more
	default:
	}
	clear(f.answered)
	clear(f.errs)
	clear(f.header)
	clear(f.values)
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.idle) < idleFlights {
		a.idle = append(a.idle, f)
	}
}

// abort ends all flights: with the connection, the answers are lost.
func (a *acks) abort(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.flights {
		f.stray = true
		for i := range f.errs {
			f.settle(i, err)
		}
	}
}

// refuse settles a message that could not be sent.
func (a *acks) refuse(f *flight, i int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f.stray = true
	f.settle(i, err)
}

func (a *acks) settle(id uint64, i int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f := a.flights[id]; f != nil && i < len(f.errs) {
		f.settle(i, err)
	}
}

func (f *flight) settle(i int, err error) {
	if f.answered[i] {
		return
	}
	f.answered[i], f.errs[i] = true, err
	if f.left--; f.left == 0 {
		f.landed <- struct{}{}
	}
}

// encode writes m to out, which holds until the next call.
func (f *flight) encode(m bus.Message, out *nats.Msg) {
	out.Subject, out.Data, out.Header = m.Subject, m.Data, nil
	if m.ID == "" && len(m.Header) == 0 {
		return
	}
	clear(f.header)
	f.values = f.values[:0]
	for k, v := range m.Header {
		f.set(k, v)
	}
	if m.ID != "" {
		f.set(jetstream.MsgIDHeader, m.ID)
	}
	out.Header = f.header
}

func (f *flight) set(name, value string) {
	f.values = append(f.values, value)
	f.header[name] = f.values[len(f.values)-1:]
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
