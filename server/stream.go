package server

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// Server-sent events. A reader that was cut off goes on behind the id of the last event it saw,
// which browsers send by themselves in Last-Event-ID: the events of one job are its history,
// those of all jobs stand in the feed for an hour.

// streams tells whether a route answers events until its caller leaves.
func (r route) streams() bool { return strings.HasPrefix(r.name, "stream") }

// Bounds on streams.
const (
	heartbeat    = 15 * time.Second
	streamWait   = 10 * time.Second // for a reader that takes nothing
	streamAhead  = 256              // events that wait for a slow reader before it is cut off
	streamsEach  = 20               // of one account
	streamsAll   = 1000
	streamTurns  = 100 // read at once from a history
	reconnecting = "retry: 2000\n\n"
)

// readers counts the streams that are open.
type readers struct {
	mu     sync.Mutex
	by     map[string]int
	all    int
	closed chan struct{}
	once   sync.Once
}

func newReaders() *readers { return &readers{by: map[string]int{}, closed: make(chan struct{})} }

func (r *readers) enter(account string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all >= streamsAll || r.by[account] >= streamsEach {
		return false
	}
	r.all++
	r.by[account]++
	return true
}

func (r *readers) leave(account string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all--
	if r.by[account]--; r.by[account] == 0 {
		delete(r.by, account)
	}
}

// close ends all streams, so that the server can stop.
func (r *readers) close() { r.once.Do(func() { close(r.closed) }) }

// stream is one reader's.
type stream struct {
	c   *call
	out *http.ResponseController
	buf bytes.Buffer
}

// openStream begins the answer; the stream must be closed.
func (c *call) openStream() (*stream, error) {
	if !c.streams.enter(c.who.ID) {
		return nil, refuse(crowded, "too many streams are open; close some, or ask later")
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	c.Response().WriteHeader(http.StatusOK)
	s := &stream{c: c, out: http.NewResponseController(c.Response())}
	return s, s.write([]byte(reconnecting))
}

func (s *stream) close() { s.c.streams.leave(s.c.who.ID) }

// write sends bytes at once, or fails when the reader does not take them in time.
func (s *stream) write(data []byte) error {
	if err := s.out.SetWriteDeadline(time.Now().Add(streamWait)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.c.Response().Write(data); err != nil {
		return err
	}
	return s.out.Flush()
}

// event adds an event to what is to be sent; id is "" for one that cannot be gone on behind.
func (s *stream) event(id, name string, data value.Value) {
	if id != "" {
		s.buf.WriteString("id: " + id + "\n")
	}
	s.buf.WriteString("event: " + name + "\ndata: ")
	s.buf.Write(data.AppendJSON(nil)) // JSON has no line breaks
	s.buf.WriteString("\n\n")
}

func (s *stream) flush() error {
	if s.buf.Len() == 0 {
		return nil
	}
	defer s.buf.Reset()
	return s.write(s.buf.Bytes())
}

// beat shows the reader that the stream lives, and ends it for one who may not read any more.
func (s *stream) beat() error {
	token, _ := tokenOf(s.c.Request())
	who, err := s.c.identify(s.c.Request(), token)
	if err != nil {
		return err
	}
	if !who.May(s.c.deed.route.may) {
		return refuse(denied, "the right to read was taken away")
	}
	s.c.who = who
	return s.write([]byte(": heartbeat\n\n"))
}

// cursor is the number behind which a reader wants to go on; 0 from the beginning, set tells
// whether it named one.
func (c *call) cursor() (at int64, set bool, err error) {
	text := orText(c.Request().Header.Get("Last-Event-ID"), c.QueryParam("lastEventId"))
	if text == "" {
		return 0, false, nil
	}
	at, err = strconv.ParseInt(text, 10, 64)
	if err != nil || at < 0 {
		return 0, false, badQuery("lastEventId", "Last-Event-ID must be the id of an event, a number, not %q.", clip(text))
	}
	return at, true, nil
}

// streamJob sends the events that a job took in and goes on as it takes in more. The id of
// each is its number in the job's history.
func streamJob(c *call) (value.Value, error) {
	at, _, err := c.cursor()
	if err != nil {
		return value.Absent, err
	}
	st, err := c.job(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	bell := make(chan struct{}, 1)
	go func() { // a bus that is closed ends it as the context does; the heartbeat looks, too
		_ = c.Runner.Bus.Listen(ctx, bus.ChangedSubject(st.Job.ID), func(string, []byte) { ring(bell) })
	}()
	s, err := c.openStream()
	if err != nil {
		return value.Absent, err
	}
	defer s.close()
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		if at, err = s.history(ctx, st.Job.ID, at); err != nil {
			return value.Absent, quietly(ctx, err)
		}
		select {
		case <-ctx.Done():
			return value.Absent, nil
		case <-c.streams.closed:
			return value.Absent, nil
		case <-bell:
		case <-tick.C:
			if err := s.beat(); err != nil {
				return value.Absent, quietly(ctx, err)
			}
			if _, err := c.job(st.Job.ID); err != nil { // out of reach, or deleted
				return value.Absent, nil
			}
		}
	}
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// quietly drops the error of a reader that left.
func quietly(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// history sends the events of a job behind number at and returns the number of the last one.
func (s *stream) history(ctx context.Context, job string, at int64) (int64, error) {
	for {
		docs, err := s.c.turns(ctx, job, at)
		if err != nil || len(docs) == 0 {
			return at, err
		}
		last := at
		for _, d := range docs {
			turn, err := value.ParseLast(d.Body)
			if err != nil {
				return at, err
			}
			first, _ := turn.Get("seq").Int()
			for i, e := range turn.Get("events").Elements() {
				if seq := first + int64(i); seq > last {
					s.event(strconv.FormatInt(seq, 10), e.Get("type").Text(), engine.Merged(value.Object("seq", value.Int(seq)), e))
					last = seq
				}
			}
		}
		if err := s.flush(); err != nil || last == at {
			return at, err
		}
		at = last
	}
}

// turns reads the documents of a job's history from the one with the event behind number at.
func (c *call) turns(ctx context.Context, job string, at int64) ([]store.Doc, error) {
	where := store.And{store.Where("job", store.Eq, job)}
	found, err := c.Store.Find(ctx, store.History, store.Query{
		Where: append(where, store.Where("seq", store.Lte, at+1)), Sort: []store.Order{{Field: store.ID, Desc: true}}, Limit: 1, NoTotal: true,
	})
	if err != nil {
		return nil, err
	}
	from := int64(0)
	if len(found.Docs) > 0 {
		turn, err := value.ParseLast(found.Docs[0].Body)
		if err != nil {
			return nil, err
		}
		from, _ = turn.Get("seq").Int()
	}
	found, err = c.Store.Find(ctx, store.History, store.Query{
		Where: append(where, store.Where("seq", store.Gte, from)), Sort: []store.Order{{Field: store.ID}}, Limit: streamTurns, NoTotal: true,
	})
	return found.Docs, err
}

// news is what the feed or a signal brings.
type news struct {
	seq  uint64 // in the feed; 0 for a signal
	name string
	data value.Value
}

// streamJobs sends what happens to all jobs that the caller may know of: from the feed, with
// ids, when a job starts, ends, fails, pauses and so on; and, without ids, "change" whenever
// one took events in. "reset" means that the feed was made anew and events may be missing.
func streamJobs(c *call) (value.Value, error) {
	at, set, err := c.cursor()
	if err != nil {
		return value.Absent, err
	}
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	newest, err := c.Runner.Bus.Last(ctx, bus.Feed)
	if err != nil {
		return value.Absent, err
	}
	from, anew := newest+1, set && uint64(at) > newest
	if set && !anew {
		from = uint64(at) + 1
	}
	s, err := c.openStream()
	if err != nil {
		return value.Absent, err
	}
	defer s.close()
	if anew {
		s.event(strconv.FormatUint(newest, 10), "reset", value.Object("reason", value.String("the feed was made anew")))
		if err := s.flush(); err != nil {
			return value.Absent, nil
		}
	}
	heard := make(chan news, streamAhead)
	go c.hear(ctx, cancel, from, heard)
	return value.Absent, quietly(ctx, s.pass(ctx, heard))
}

// hear reads the feed and the signals until the reader is too slow for them.
func (c *call) hear(ctx context.Context, cancel context.CancelFunc, from uint64, heard chan news) {
	defer cancel()
	go func() { // signals are hints: what does not fit is left out
		_ = c.Runner.Bus.Listen(ctx, bus.ChangedPrefix+"*", func(_ string, data []byte) {
			if v, err := value.ParseLast(data); err == nil {
				select {
				case heard <- news{0, "change", v}:
				default:
				}
			}
		})
	}()
	err := c.Runner.Bus.Tail(ctx, bus.Feed, "heddle.feed.platform.>", from, func(seq uint64, m bus.Message) {
		v, err := value.ParseLast(m.Data)
		if err != nil {
			return
		}
		patience := time.NewTimer(streamWait)
		defer patience.Stop()
		select {
		case heard <- news{seq, v.Get("topic").Text(), v}:
		case <-ctx.Done():
		case <-patience.C:
			cancel() // it comes back and goes on behind the last event it saw
		}
	})
	if err != nil && ctx.Err() == nil {
		c.Log.Warn("feed cannot be read", "err", err)
	}
}

// pass sends what is heard to a reader who may know of it.
func (s *stream) pass(ctx context.Context, heard chan news) error {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.c.streams.closed:
			return nil
		case <-tick.C:
			if err := s.beat(); err != nil {
				return err
			}
		case n := <-heard:
			s.tell(n)
			for range min(len(heard), streamAhead) {
				s.tell(<-heard)
			}
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
}

func (s *stream) tell(n news) {
	about, id := n.data, ""
	if n.seq > 0 {
		about, id = n.data.Get("job"), strconv.FormatUint(n.seq, 10)
	}
	name := n.name
	if !eventName.MatchString(name) { // others may publish what they like
		name = "event"
	}
	if s.c.who.Reaches(groupsOf(about)) {
		s.event(id, name, n.data)
	}
}

var eventName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,80}$`)

// engineEvents are the events of the platform that the engine tells of, for whoever makes a
// trigger for one.
var engineEvents = []struct{ topic, description string }{
	{"jobBlocked", "A guard blocked a job"}, {"jobCancel", "A job was canceled"}, {"jobComplete", "A job completed"}, {"jobError", "A job failed"},
	{"jobFix", "A failed job was put back to work"}, {"jobPause", "A job was paused"}, {"jobResume", "A job was resumed"},
	{"jobSlaBreach", "A job missed its target time"}, {"jobStart", "A job started"},
	{"taskEscalated", "A manual task waited too long and is for more people now"}, {"taskReminder", "A manual task still waits for a person"},
}

// listEvents lists the definitions of the platform's events.
func listEvents(c *call) (value.Value, error) {
	out := make([]value.Value, len(engineEvents))
	for i, e := range engineEvents {
		out[i] = value.Object("source", value.String(runner.EngineSource), "topic", value.String(e.topic), "description", value.String(e.description),
			"schema", value.Object("type", value.String("object"), "properties", value.Object("job", value.Object("type", value.String("object")))))
	}
	return enveloped("Successfully retrieved events", value.Array(out...)), nil
}
