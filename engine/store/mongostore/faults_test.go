package mongostore_test

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/mongostore"
	"github.com/heddlehq/heddle/engine/store/mongostore/standin"
	"github.com/heddlehq/heddle/engine/store/storetest"
)

// wire sees and spoils the commands of one store.
type wire struct {
	mu       sync.Mutex
	commands []bson.Raw
	fault    func(name string, command bson.Raw) *standin.Fault
}

// start forgets what was seen and takes a fault, nil for none.
func (w *wire) start(fault func(name string, command bson.Raw) *standin.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commands, w.fault = nil, fault
}

func (w *wire) see(command bson.Raw) *standin.Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commands = append(w.commands, command)
	if w.fault == nil {
		return nil
	}
	return w.fault(name(command), command)
}

func name(command bson.Raw) string { return command.Index(0).Key() }

// names returns what was seen, but for the noise of pools and sessions.
func (w *wire) names() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.commands {
		if n := name(c); n != "endSessions" && n != "ping" && n != "killCursors" {
			out = append(out, n)
		}
	}
	return out
}

func (w *wire) count(name string) (n int) {
	for _, c := range w.names() {
		if c == name {
			n++
		}
	}
	return n
}

// openWired opens a store whose commands pass through a wire.
func openWired(t *testing.T, o mongostore.Options) (*mongostore.Store, *wire) {
	t.Helper()
	address, w := wired(t)
	s, err := mongostore.Open(t.Context(), address, o)
	if err != nil {
		t.Fatal(err)
	}
	return closing(t, s), w
}

// wired returns the address of a database of the test's own behind a wire.
func wired(t *testing.T) (string, *wire) {
	t.Helper()
	w := rewired(t, database(t, t.TempDir()))
	return w.address, w.wire
}

// rewired returns the address of the same database behind a wire of its own.
func rewired(t *testing.T, address string) (out struct {
	*wire
	address string
}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out.wire = &wire{}
	host, _, _ := strings.Cut(server(t).Host, ",")
	between, err := standin.Serve(listener, host, standin.Options{Fault: out.see})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := between.Close(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = between.Addr()
	q := u.Query()
	q.Del("replicaSet")                  // the one between has a name of its own
	q.Set("heartbeatFrequencyMS", "500") // how soon a server is found again whose connection broke
	u.RawQuery = q.Encode()
	out.address = u.String()
	return out
}

// first lets the first n commands of a name fail.
func first(n int, command string, f standin.Fault) func(string, bson.Raw) *standin.Fault {
	return func(name string, _ bson.Raw) *standin.Fault {
		if name != command || n == 0 {
			return nil
		}
		n--
		return &f
	}
}

func reply(code int, labels ...string) bson.D {
	return standin.Failure(code, "told to fail", labels...)
}

func pair(a, b string) store.Batch {
	return store.Batch{storetest.Put(a, store.New, "{}", nil), storetest.Put(b, store.New, "{}", nil)}
}

// TestCommit_faults brings about what a healthy server does not show. Each
// case commits the pairs a-b and c-d in one call.
func TestCommit_faults(t *testing.T) {
	const transient, unknown = "TransientTransactionError", "UnknownTransactionCommitResult"
	const always = 1000
	for name, tc := range map[string]struct {
		fault   func(string, bson.Raw) *standin.Fault
		want    [2]string // parts of the errors
		is      error     // of those that are not empty
		stored  string
		commits int // commitTransaction commands that went out
	}{
		"nothing": {
			stored: "a b c d", commits: 1,
		},
		"write conflict, once": {
			fault:  first(1, "insert", standin.Fault{Reply: reply(112, transient)}),
			stored: "a b c d", commits: 1,
		},
		"write conflict, always": {
			fault: first(always, "insert", standin.Fault{Reply: reply(112, transient)}),
			want:  [2]string{"told to fail", "told to fail"},
		},
		"connection lost in the transaction": {
			fault:  first(1, "insert", standin.Fault{}),
			stored: "a b c d", commits: 1,
		},
		"commit aborted, once": {
			fault:  first(1, "commitTransaction", standin.Fault{Reply: reply(251, transient)}),
			stored: "a b c d", commits: 2,
		},
		"commit done, answer says unknown": {
			fault:  first(1, "commitTransaction", standin.Fault{Ran: true, Reply: reply(91, unknown)}),
			stored: "a b c d", commits: 2,
		},
		"commit done, connection lost": {
			fault:  first(1, "commitTransaction", standin.Fault{Ran: true}),
			stored: "a b c d", commits: 2,
		},
		"commit done, answer says unknown, always": {
			fault:  first(always, "commitTransaction", standin.Fault{Ran: true, Reply: reply(64, unknown)}),
			want:   [2]string{"outcome of the commit is unknown", "outcome of the commit is unknown"},
			stored: "a b c d", commits: 5,
		},
		"disk full": {
			fault: first(always, "insert", standin.Fault{Reply: reply(14031)}),
			want:  [2]string{"no space left", "no space left"}, is: store.ErrFull,
		},
		"not allowed": {
			fault: first(always, "insert", standin.Fault{Reply: reply(13)}),
			want:  [2]string{"cannot be written to", "cannot be written to"}, is: store.ErrReadOnly,
		},
		"one batch refused": {
			fault: func(name string, command bson.Raw) *standin.Fault {
				if name == "insert" && strings.Contains(command.String(), `"_id": "c"`) {
					return &standin.Fault{Reply: reply(2)}
				}
				return nil
			},
			want: [2]string{"", "told to fail"}, stored: "a b", commits: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, w := openWired(t, mongostore.Options{Collections: storetest.Collections})
			w.start(tc.fault)
			errs := s.Commit(t.Context(), pair("a", "b"), pair("c", "d"))
			for i, want := range tc.want {
				switch err := errs[i]; {
				case (err == nil) != (want == ""), err != nil && !strings.Contains(err.Error(), want):
					t.Errorf("batch %d: error %v, want %q", i, err, want)
				case err != nil && tc.is != nil && !errors.Is(err, tc.is):
					t.Errorf("batch %d: error %v is not %v", i, err, tc.is)
				}
			}
			if n := w.count("commitTransaction"); n != tc.commits {
				t.Errorf("%d commits were sent, want %d: %v", n, tc.commits, w.names())
			}
			w.start(nil)
			p, err := s.Find(t.Context(), storetest.Things, store.Query{})
			if err != nil {
				t.Fatal(err)
			}
			if got := ids(p); got != tc.stored {
				t.Errorf("stored %q, want %q", got, tc.stored)
			}
			for _, d := range p.Docs {
				if d.Revision != 1 {
					t.Errorf("%s was stored at revision %d, want 1", d.ID, d.Revision)
				}
			}
		})
	}
}

func ids(p store.Page) string {
	var out []string
	for _, d := range p.Docs {
		out = append(out, d.ID)
	}
	return strings.Join(out, " ")
}

// TestCommit_commands counts what goes over the wire.
func TestCommit_commands(t *testing.T) {
	s, w := openWired(t, mongostore.Options{Collections: storetest.Collections})
	put := func(id string, expect int64) store.Batch { return store.Batch{storetest.Put(id, expect, "{}", nil)} }
	remove := func(id string, expect int64) store.Batch {
		return store.Batch{{Collection: storetest.Things, ID: id, Expect: expect}}
	}
	join := func(bs ...store.Batch) (out store.Batch) {
		for _, b := range bs {
			out = append(out, b...)
		}
		return out
	}
	for _, tc := range []struct {
		name    string
		batches []store.Batch
		want    string
	}{
		{"no write", []store.Batch{nil}, ""},
		{"one new", []store.Batch{put("a", store.New)}, "insert"},
		{"one replaced", []store.Batch{put("a", 1)}, "update"},
		{"one raised", []store.Batch{put("a", store.Any)}, "update"},
		{"one deleted", []store.Batch{remove("a", 3)}, "delete"},
		{"alike in one batch", []store.Batch{join(put("a", store.New), put("b", store.New))}, "insert commitTransaction"},
		{"shared", []store.Batch{put("c", store.New), put("d", store.New), put("e", store.New)}, "insert commitTransaction"},
		{"each kind once", []store.Batch{join(put("a", 1), put("f", store.New), remove("c", 1)), join(put("b", 1), put("g", store.New), remove("d", 1))},
			"insert update delete commitTransaction"},
		{"one document twice", []store.Batch{join(put("a", 2), put("a", 3))}, "find update commitTransaction"},
		{"stale", []store.Batch{put("a", 1)}, "update find commitTransaction"},
		{"stale among others", []store.Batch{put("b", 2), put("a", 1), put("h", store.New)},
			"insert update abortTransaction find update insert commitTransaction"},
	} {
		w.start(nil)
		s.Commit(t.Context(), tc.batches...)
		if got := strings.Join(w.names(), " "); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	p, err := s.Find(t.Context(), storetest.Things, store.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range p.Docs {
		got = append(got, fmt.Sprint(d.ID, d.Revision))
	}
	if diff := cmp.Diff(strings.Fields("a4 b3 e1 f1 g1 h1"), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestCommit_concerns looks at the promises the commands ask for. Inside a
// transaction only its first command may have a read concern and only its
// commit a write concern; servers refuse others.
func TestCommit_concerns(t *testing.T) {
	s, w := openWired(t, mongostore.Options{Collections: storetest.Collections})
	w.start(nil)
	if err := errors.Join(s.Commit(t.Context(), store.Batch{storetest.Put("x", store.New, "{}", nil)})...); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Commit(t.Context(), pair("a", "b"), store.Batch{{Collection: "uniques", ID: "u", Body: []byte("{}"), Index: []any{"s", nil}}})...); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), storetest.Things, "a"); err != nil {
		t.Fatal(err)
	}
	for _, q := range []store.Query{{}, {Limit: 1}, {NoTotal: true}} {
		if _, err := s.Find(t.Context(), storetest.Things, q); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Group(t.Context(), storetest.Things, store.Grouping{}); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	checked := map[string]int{}
	for _, c := range w.commands {
		level, _ := c.Lookup("readConcern", "level").StringValueOK()
		concern := c.Lookup("writeConcern").String()
		_, inside := c.Lookup("autocommit").BooleanOK()
		begins, _ := c.Lookup("startTransaction").BooleanOK()
		var wantLevel, wantConcern string
		what := name(c)
		switch {
		case what == "commitTransaction":
			wantConcern = `{"w": "majority","j": true}`
		case begins:
			wantLevel = "snapshot"
			what += " that begins"
		case inside:
			what += " inside"
		case what == "insert":
			wantConcern = `{"w": "majority","j": true}`
		case what == "find" && c.Lookup("limit").String() != "":
			wantLevel = "majority"
			what = "get"
		case what == "find", what == "aggregate":
			wantLevel = "snapshot"
		default:
			continue
		}
		checked[what]++
		if level != wantLevel || concern != wantConcern {
			t.Errorf("%s: read concern %q, write concern %s, want %q and %s", what, level, concern, wantLevel, wantConcern)
		}
		if mode, ok := c.Lookup("$readPreference", "mode").StringValueOK(); ok && mode != "primary" && mode != "primaryPreferred" {
			t.Errorf("%s reads from %s", what, mode)
		}
	}
	want := map[string]int{"aggregate": 1, "aggregate inside": 1, "commitTransaction": 3, "find": 1, "find that begins": 2, "get": 1,
		"insert": 1, "insert inside": 1, "insert that begins": 1}
	if diff := cmp.Diff(want, checked); diff != "" {
		t.Errorf("commands (-want +got)\n%s", diff)
	}
}

// TestCommit_shared lets many callers commit while the first transaction is
// held up: what waits meanwhile shares the next.
func TestCommit_shared(t *testing.T) {
	s, w := openWired(t, mongostore.Options{Collections: storetest.Collections, Writers: 1})
	const callers = 20
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.start(func(name string, _ bson.Raw) *standin.Fault {
		if name == "insert" {
			once.Do(func() {
				close(held)
				w.mu.Unlock()
				<-release
				w.mu.Lock()
			})
		}
		return nil
	})
	var calls sync.WaitGroup
	commit := func(a, b string) {
		if err := s.Commit(t.Context(), pair(a, b))[0]; err != nil {
			t.Errorf("commit %s: %v", a, err)
		}
	}
	calls.Go(func() { commit("first", "second") })
	<-held
	for i := range callers {
		calls.Go(func() { commit(fmt.Sprintf("a%d", i), fmt.Sprintf("b%d", i)) })
	}
	mongostore.WaitForQueue(s, callers)
	close(release)
	calls.Wait()
	if n := w.count("commitTransaction"); n != 2 {
		t.Errorf("%d transactions for one call and %d that waited meanwhile, want 2", n, callers)
	}
}

// TestOpen_kept plays a server that keeps what was aborted.
func TestOpen_kept(t *testing.T) {
	address, w := wired(t)
	w.start(func(name string, command bson.Raw) *standin.Fault {
		id, _ := command.Lookup("filter", "_id").StringValueOK()
		if name != "find" || !strings.HasPrefix(id, "probe ") {
			return nil
		}
		return &standin.Fault{Reply: bson.D{{Key: "ok", Value: 1.0}, {Key: "cursor", Value: bson.D{
			{Key: "id", Value: int64(0)}, {Key: "ns", Value: "x.y"}, {Key: "firstBatch", Value: bson.A{bson.D{{Key: "_id", Value: id}}}}}}}}
	})
	s, err := mongostore.Open(t.Context(), address, mongostore.Options{Collections: storetest.Collections, Unsafe: true})
	if s != nil || err == nil || !strings.Contains(err.Error(), "no transactions") {
		t.Errorf("opened %v, error %v, want one that says there are no transactions", s, err)
	}
}
