package adapters

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/workflows/value"
)

// Large values reach workers in other processes in chunks over signals: the worker asks
// whichever server answers first, and then that one for chunk after chunk. Requests are
// repeated until they are answered, so nothing depends on a signal arriving.

const (
	payloadAny   = "heddle.payload.any"
	payloadOf    = "heddle.payload.server."
	payloadInbox = "heddle.payload.inbox."

	// maxChunk is how much of a text goes into a message, before it is written in base64.
	maxChunk = 192 << 10
)

// Remote keeps the texts of payloads with the servers, over the bus.
type Remote struct {
	bus  bus.Bus
	wait time.Duration // for an answer, before the request is repeated
	mu   sync.Mutex    // one exchange at a time
	peer string        // the server that answered last
}

// NewRemote returns a box that asks the servers on the bus.
func NewRemote(b bus.Bus) *Remote { return &Remote{bus: b, wait: time.Second} }

// exchange is one listening for answers.
type exchange struct {
	r       *Remote
	inbox   string
	answers chan value.Value
}

// own is the part of the inboxes' subjects that only this user of the bus may listen on.
func (r *Remote) own() string {
	if u, ok := r.bus.(interface{ User() string }); ok && u.User() != "" {
		return u.User() + "."
	}
	return ""
}

// open runs f while answers are listened for.
func (r *Remote) open(ctx context.Context, f func(context.Context, *exchange) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := &exchange{r, payloadInbox + r.own() + rand.Text(), make(chan value.Value, 16)}
	ctx, cancel := context.WithCancel(ctx)
	var listening sync.WaitGroup
	defer listening.Wait()
	defer cancel()
	lost := make(chan error, 1)
	listening.Go(func() {
		lost <- r.bus.Listen(ctx, x.inbox, func(_ string, data []byte) {
			if v, err := value.ParseLast(data); err == nil {
				select {
				case x.answers <- v:
				default: // nobody waits for it any more
				}
			}
		})
	})
	err := f(ctx, x)
	select {
	case l := <-lost:
		return errors.Join(err, l)
	default:
		return err
	}
}

// ask sends a request until it is answered.
func (x *exchange) ask(ctx context.Context, request *value.Members) (value.Value, error) {
	n := rand.Text()
	data := request.Set("v", value.Int(Version)).Set("inbox", value.String(x.inbox)).Set("request", value.String(n)).Value().AppendJSON(nil)
	wait := 20 * time.Millisecond // at first the listening may not be in place
	for {
		subject := payloadAny
		if x.r.peer != "" {
			subject = payloadOf + bus.Token(x.r.peer)
		}
		if err := x.r.bus.Signal(ctx, subject, data); err != nil {
			return value.Absent, err
		}
		again := time.NewTimer(wait)
		for answered := false; !answered; {
			select {
			case v := <-x.answers:
				if v.Get("request").Text() != n {
					continue // a repeat, or of another server
				}
				again.Stop()
				x.r.peer = v.Get("server").Text()
				return v, answerError(v)
			case <-again.C:
				answered = true
			case <-ctx.Done():
				again.Stop()
				return value.Absent, fmt.Errorf("no server answers: %w", ctx.Err())
			}
		}
		if wait >= x.r.wait {
			x.r.peer = "" // it may be gone
		}
		wait = min(4*wait, x.r.wait)
	}
}

func answerError(v value.Value) error {
	switch text := v.Get("error").Text(); {
	case text == "":
		return nil
	case v.Get("class").Text() == "missing":
		return payload.ErrMissing
	case v.Get("class").Text() == "limit":
		return &payload.LimitError{Text: text}
	default:
		return errors.New(text)
	}
}

// Get implements [payload.Box].
func (r *Remote) Get(ctx context.Context, family, hash string) ([]byte, error) {
	var text []byte
	err := r.open(ctx, func(ctx context.Context, x *exchange) error {
		for size := int64(1); int64(len(text)) < size; {
			var m value.Members
			m.Set("op", value.String("get")).Set("root", value.String(family)).Set("hash", value.String(hash)).Set("offset", value.Int(int64(len(text))))
			v, err := x.ask(ctx, &m)
			if err != nil {
				return err
			}
			chunk, err := base64.StdEncoding.DecodeString(v.Get("data").Text())
			if size, _ = v.Get("bytes").Int(); err != nil || len(chunk) == 0 {
				return fmt.Errorf("server %q sent no data", x.r.peer)
			}
			text = append(text, chunk...)
		}
		return nil
	})
	return text, err
}

// Put implements [payload.Box].
func (r *Remote) Put(ctx context.Context, family string, texts []payload.Text, _ bool) error {
	return r.open(ctx, func(ctx context.Context, x *exchange) error {
		for _, t := range texts {
			if err := x.put(ctx, family, t); err != nil {
				return err
			}
		}
		return nil
	})
}

// put sends a text from where the server wants it on. A server that knows nothing of it, such
// as another one that took over, wants it from the beginning.
func (x *exchange) put(ctx context.Context, family string, t payload.Text) error {
	for offset := 0; offset < len(t.JSON); {
		chunk := t.JSON[offset:min(offset+maxChunk, len(t.JSON))]
		var m value.Members
		m.Set("op", value.String("put")).Set("root", value.String(family)).Set("hash", value.String(t.Hash)).
			Set("offset", value.Int(int64(offset))).Set("bytes", value.Int(int64(len(t.JSON)))).
			Set("data", value.String(base64.StdEncoding.EncodeToString(chunk)))
		v, err := x.ask(ctx, &m)
		if err != nil {
			return err
		}
		next, ok := v.Get("offset").Int()
		if !ok || next < 0 || next > int64(len(t.JSON)) {
			return fmt.Errorf("server %q wants a text of %d bytes from byte %d on", x.r.peer, len(t.JSON), next)
		}
		offset = int(next)
	}
	return nil
}

// ServePayloads lets workers in other processes read and keep large values in the box, until
// ctx ends. Name tells the servers apart.
func ServePayloads(ctx context.Context, b bus.Bus, name string, p *payload.Payloads, log *slog.Logger) error {
	s := &payloadServer{bus: b, name: name, payloads: p, log: log, partial: map[string]*partial{}}
	var g sync.WaitGroup
	defer g.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	requests := make(chan []byte, 64)
	g.Go(func() {
		for {
			select {
			case data := <-requests:
				s.serve(ctx, data)
			case <-ctx.Done():
				return
			}
		}
	})
	take := func(_ string, data []byte) {
		select {
		case requests <- bytes.Clone(data):
		default: // the worker asks again
		}
	}
	g.Go(func() {
		if err := b.Listen(ctx, payloadAny, take); err != nil && ctx.Err() == nil {
			log.Warn("requests for large values are not heard", "err", err)
		}
	})
	return b.Listen(ctx, payloadOf+bus.Token(name), take)
}

// payloadServer answers requests, one at a time.
type payloadServer struct {
	bus      bus.Bus
	name     string
	payloads *payload.Payloads
	log      *slog.Logger
	last     struct{ family, hash string }
	text     []byte // of the last one
	partial  map[string]*partial
	received int // bytes in partial
}

// partial is a text that is being received.
type partial struct {
	text []byte
	used time.Time
}

// maxReceived bounds the texts being received, in bytes. Beyond it the one that was not heard of
// for the longest time begins again.
const maxReceived = 256 << 20

func (s *payloadServer) serve(ctx context.Context, data []byte) {
	v, err := value.ParseLast(data)
	inbox := v.Get("inbox").Text()
	if err != nil || !strings.HasPrefix(inbox, payloadInbox) {
		s.log.Warn("request for a large value refused", "err", cmp.Or(err, fmt.Errorf("/inbox must begin with %q", payloadInbox)))
		return
	}
	m := (&value.Members{}).Set("v", value.Int(Version)).Set("server", value.String(s.name)).Set("request", v.Get("request"))
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	switch op := v.Get("op").Text(); op {
	case "get":
		err = s.get(ctx, v, m)
	case "put":
		err = s.put(ctx, v, m)
	default:
		err = fmt.Errorf("/op %q must be get or put", op)
	}
	if err != nil {
		class := "failed"
		if errors.Is(err, payload.ErrMissing) {
			class = "missing"
		} else if _, ok := errors.AsType[*payload.LimitError](err); ok {
			class = "limit"
		}
		m.Set("class", value.String(class)).Set("error", value.String(err.Error()))
	}
	if err := s.bus.Signal(ctx, inbox, m.Value().AppendJSON(nil)); err != nil {
		s.log.Debug("answer about a large value not sent", "err", err)
	}
}

func (s *payloadServer) get(ctx context.Context, v value.Value, m *value.Members) error {
	family, hash := v.Get("root").Text(), v.Get("hash").Text()
	if s.last.family != family || s.last.hash != hash {
		text, err := s.payloads.Box().Get(ctx, family, hash)
		if err != nil {
			return err
		}
		s.last.family, s.last.hash, s.text = family, hash, text
	}
	offset, ok := v.Get("offset").Int()
	if !ok || offset < 0 || offset >= int64(len(s.text)) {
		return fmt.Errorf("/offset must be from 0 to %d", len(s.text)-1)
	}
	chunk := s.text[offset:min(int(offset)+maxChunk, len(s.text))]
	m.Set("bytes", value.Int(int64(len(s.text)))).Set("data", value.String(base64.StdEncoding.EncodeToString(chunk)))
	if int(offset)+len(chunk) == len(s.text) {
		s.last.hash, s.text = "", nil // a repeated request reads it again
	}
	return nil
}

func (s *payloadServer) put(ctx context.Context, v value.Value, m *value.Members) error {
	family, hash := v.Get("root").Text(), v.Get("hash").Text()
	offset, _ := v.Get("offset").Int()
	size, _ := v.Get("bytes").Int()
	chunk, err := base64.StdEncoding.DecodeString(v.Get("data").Text())
	switch {
	case family == "" || strings.Contains(family, "/"):
		return errors.New("/root must be the id of a job")
	case err != nil || len(chunk) == 0 || len(chunk) > 2*maxChunk:
		return fmt.Errorf("/data must be from 1 to %d bytes in base64", 2*maxChunk)
	case size > int64(s.payloads.MaxValue):
		return &payload.LimitError{Text: fmt.Sprintf("a value has %d bytes of JSON, a value may have %d", size, s.payloads.MaxValue)}
	}
	key := family + "/" + hash
	p := s.partial[key]
	if p == nil {
		p = &partial{}
		s.partial[key] = p
	}
	p.used = time.Now()
	if offset == int64(len(p.text)) && offset+int64(len(chunk)) <= size {
		p.text = append(p.text, chunk...)
		s.received += len(chunk)
		s.forget()
	}
	if int64(len(p.text)) < size {
		m.Set("offset", value.Int(int64(len(p.text)))) // from where it goes on
		return nil
	}
	s.drop(key)
	t := payload.Text{Hash: hash, JSON: p.text}
	if err := t.Check(); err != nil {
		return err
	}
	m.Set("offset", value.Int(size))
	return s.payloads.Box().Put(ctx, family, []payload.Text{t}, false)
}

// forget drops the texts that were not heard of for the longest time, above the bound.
func (s *payloadServer) forget() {
	for s.received > maxReceived {
		oldest := ""
		for key, p := range s.partial {
			if oldest == "" || p.used.Before(s.partial[oldest].used) {
				oldest = key
			}
		}
		s.drop(oldest)
	}
}

func (s *payloadServer) drop(key string) {
	s.received -= len(s.partial[key].text)
	delete(s.partial, key)
}
