package natsbus_test

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
)

const patience = 20 * time.Second

var ring = bus.Message{Subject: bus.EventSubject(0, "j"), Data: []byte("ring")}

func publish(t *testing.T, b bus.Bus, msgs ...bus.Message) {
	t.Helper()
	for _, err := range b.Publish(t.Context(), msgs...) {
		if err != nil {
			t.Fatalf("publish: %v", err)
		}
	}
}

// consume acknowledges every event and tells the channel.
func consume(t *testing.T, b bus.Bus) <-chan string {
	t.Helper()
	ch := make(chan string, 1024)
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		err := b.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "engine"}, func(d bus.Delivery) {
			d.Ack()
			ch <- string(d.Data())
		})
		if err != nil {
			t.Errorf("consume: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		ended.Wait()
	})
	return ch
}

func wait(t *testing.T, ch <-chan string, what string) string {
	t.Helper()
	select {
	case data := <-ch:
		return data
	case <-time.After(patience):
		t.Fatalf("%s: nothing came", what)
		panic("unreachable")
	}
}

func epoch(t *testing.T, b bus.Bus) string {
	t.Helper()
	e, err := b.Epoch(t.Context())
	if err != nil {
		t.Fatalf("epoch: %v", err)
	}
	return e
}

// watch asks for the epoch all the time, as the engine does.
func watch(t *testing.T, b bus.Bus) {
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			select {
			case <-tick.C:
				_, _ = b.Epoch(ctx) // the test asks itself what it became
			case <-ctx.Done():
				tick.Stop()
				return
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		ended.Wait()
	})
}

func closeBus(t *testing.T, b bus.Bus) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func wipe(t *testing.T, dir string) {
	t.Helper()
	var err error
	for range 100 { // a server that runs may add a file meanwhile
		if err = os.RemoveAll(filepath.Join(dir, "jetstream")); err == nil {
			return
		}
	}
	t.Fatal(err)
}

func TestEmbedded_restart(t *testing.T) {
	t.Parallel()
	opts := natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir()}}
	b := open(t, opts)
	before := epoch(t, b)
	publish(t, b, ring)
	closeBus(t, b)

	b = open(t, opts)
	if after := epoch(t, b); after != before {
		t.Errorf("epoch %q, want %q as before the restart", after, before)
	}
	wait(t, consume(t, b), "message from before the restart")
	closeBus(t, b)

	wipe(t, opts.Embedded.Dir)
	b = open(t, opts)
	defer closeBus(t, b)
	if after := epoch(t, b); after == before {
		t.Errorf("epoch %q, the same after the files were lost", after)
	}
}

func TestEmbedded_filesLostWhileRunning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, natsbus.Options{Embedded: &natsbus.Embedded{Dir: dir}})
	t.Cleanup(func() { closeBus(t, b) })
	ch := consume(t, b)
	for range 2 {
		before := epoch(t, b)
		publish(t, b, ring)
		wait(t, ch, "before the loss")
		wipe(t, dir)
		publish(t, b, ring)
		if after := epoch(t, b); after == before {
			t.Errorf("epoch %q, the same after the files were lost", after)
		}
		publish(t, b, ring)
		wait(t, ch, "after the loss")
		for len(ch) > 0 {
			<-ch
		}
	}
}

// A client of a server that dies and comes back without its files goes on by itself.
func TestCluster_serverLosesFiles(t *testing.T) {
	t.Parallel()
	opts := natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir(), Listen: "127.0.0.1:0"}}
	srv := open(t, opts)
	u := srv.URL()
	client := open(t, natsbus.Options{URLs: []string{u}})
	t.Cleanup(func() { closeBus(t, client) })
	ch := consume(t, client)
	before := epoch(t, client)
	publish(t, client, ring)
	wait(t, ch, "before the loss")

	closeBus(t, srv)
	published := make(chan error, 1)
	go func() { published <- client.Publish(t.Context(), ring)[0] }() // while nobody is there
	wipe(t, opts.Embedded.Dir)
	parsed, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	opts.Embedded.Listen = parsed.Host
	srv = open(t, opts)
	defer closeBus(t, srv)
	if srv.URL() != u {
		t.Errorf("address %q after the restart, want %q", srv.URL(), u)
	}
	if err := <-published; err != nil {
		t.Errorf("publish over the restart: %v", err)
	}
	wait(t, ch, "after the loss")
	if after := epoch(t, client); after == before {
		t.Errorf("epoch %q, the same after the files were lost", after)
	}
	for len(ch) > 0 {
		<-ch
	}
	publish(t, client, ring)
	wait(t, ch, "later")
}

// A server that died has its streams when it comes back, but maybe not what they took in last.
// What is published again arrives, although consumers had been further.
func TestCluster_serverLosesNewestWrites(t *testing.T) {
	t.Parallel()
	opts := natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir(), Listen: "127.0.0.1:0"}}
	srv := open(t, opts)
	parsed, err := url.Parse(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	opts.Embedded.Listen = parsed.Host
	client := open(t, natsbus.Options{URLs: []string{srv.URL()}})
	t.Cleanup(func() { closeBus(t, client) })
	ch := consume(t, client)
	lost := ring
	lost.ID, lost.Data = "lost", []byte("lost")

	publish(t, client, ring)
	wait(t, ch, "early message")
	msgs := filepath.Join(opts.Embedded.Dir, "jetstream", "$G", "streams", bus.Events, "msgs")
	early := t.TempDir()
	if err := os.CopyFS(early, os.DirFS(msgs)); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		publish(t, client, ring)
		wait(t, ch, "late message")
	}
	publish(t, client, lost)
	wait(t, ch, "last message")
	before := epoch(t, client)
	if err := natsbus.Conn(client).ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	if after := epoch(t, client); after != before {
		t.Errorf("epoch %q after a reconnect, want %q: nothing was lost", after, before)
	}

	closeBus(t, srv)
	if err := os.RemoveAll(msgs); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(msgs, os.DirFS(early)); err != nil {
		t.Fatal(err)
	}
	srv = open(t, opts)
	defer closeBus(t, srv)
	after := epoch(t, client)
	if after == before {
		t.Errorf("epoch %q, the same after messages were lost", after)
	}
	for len(ch) > 0 {
		<-ch
	}
	publish(t, client, lost)
	for wait(t, ch, "the lost message") != "lost" {
	}
	if again := epoch(t, client); again != after {
		t.Errorf("epoch changed again, from %q to %q", after, again)
	}
}

// What a Consume call holds outlives the connection, and does not keep it from asking for more.
func TestConsume_prefetchThroughReconnect(t *testing.T) {
	t.Parallel()
	srv := open(t, natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir(), Listen: "127.0.0.1:0"}})
	t.Cleanup(func() { closeBus(t, srv) })
	client := open(t, natsbus.Options{URLs: []string{srv.URL()}})
	t.Cleanup(func() { closeBus(t, client) })
	const bound = 4
	got := make(chan bus.Delivery, 64)
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		err := client.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "engine", Prefetch: bound}, func(d bus.Delivery) { got <- d })
		if err != nil {
			t.Errorf("consume: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		ended.Wait()
	})
	next := func() bus.Delivery {
		t.Helper()
		select {
		case d := <-got:
			return d
		case <-time.After(patience):
			t.Fatal("nothing came")
			return nil
		}
	}
	publish(t, srv, slices.Repeat([]bus.Message{ring}, 10)...)
	for range 3 {
		var held []bus.Delivery
		for range bound - 1 {
			held = append(held, next())
		}
		if err := natsbus.Conn(client).ForceReconnect(); err != nil {
			t.Fatal(err)
		}
		held = append(held, next()) // was here before, or comes again
		if len(got) > 0 {
			t.Errorf("%d deliveries beyond the bound of %d", len(got), bound)
		}
		for _, d := range held {
			if err := d.Confirm(t.Context()); err != nil {
				t.Errorf("confirm: %v", err)
			}
		}
		publish(t, srv, slices.Repeat([]bus.Message{ring}, bound)...)
	}
}

// A server of somebody else's does not notice that its files are gone until it needs a new one.
func TestCluster_filesLostWhileRunning(t *testing.T) {
	t.Parallel()
	opts := natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir(), Listen: "127.0.0.1:0"}}
	srv := open(t, opts)
	t.Cleanup(func() { closeBus(t, srv) })
	client := open(t, natsbus.Options{URLs: []string{srv.URL()}})
	t.Cleanup(func() { closeBus(t, client) })
	ch := consume(t, client)
	before := epoch(t, client)
	watch(t, client)
	wipe(t, opts.Embedded.Dir)
	big := ring
	big.Data = make([]byte, 1<<20-1000)
	for range 24 { // fills more than one of the server's files
		publish(t, client, big)
		select {
		case <-ch:
		case <-time.After(5 * time.Second): // what was in the files is lost with them
		}
	}
	if after := epoch(t, client); after == before {
		t.Errorf("epoch %q, the same after the files were lost", after)
	}
	publish(t, client, ring)
	wait(t, ch, "a message of the new epoch")
}

func TestEmbedded_credentials(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, natsbus.Options{Embedded: &natsbus.Embedded{Dir: dir, Listen: "127.0.0.1:0"}})
	defer closeBus(t, b)
	path := dir + ".url"
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	good := strings.TrimSpace(string(data))
	if good != b.URL() {
		t.Errorf("file says %q, URL %q", good, b.URL())
	}
	parsed, err := url.Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, user := range map[string]*url.Userinfo{
		"nobody":         nil,
		"wrong password": url.UserPassword("heddle", "guess"),
		"empty password": url.UserPassword("heddle", ""),
		"unknown user":   url.UserPassword("root", ""),
		"internal":       url.UserPassword("internal", ""),
	} {
		bad := *parsed
		bad.User = user
		if c, err := nats.Connect(bad.String()); err == nil {
			c.Close()
			t.Errorf("%s was let in", name)
		}
	}
	c, err := nats.Connect(good)
	if err != nil {
		t.Fatalf("connect with the file's url: %v", err)
	}
	c.Close()
}

// Whoever knows the way in keeps knowing it, whatever is deleted and however often the server starts.
func TestEmbedded_credentialsStay(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "bus")
	path := filepath.Join(t.TempDir(), "secret.url")
	opts := natsbus.Options{Embedded: &natsbus.Embedded{Dir: dir, Listen: "127.0.0.1:0", Credentials: path}}
	read := func() string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		return strings.TrimSpace(string(data))
	}
	b := open(t, opts)
	u := b.URL()
	parsed, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	opts.Embedded.Listen = parsed.Host
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	epoch(t, b)
	if got := read(); got != u {
		t.Errorf("after the file was deleted it says %q, want %q", got, u)
	}
	closeBus(t, b)

	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	b = open(t, opts)
	defer closeBus(t, b)
	if got := read(); got != u || b.URL() != u {
		t.Errorf("after the folder was deleted the file says %q, URL %q, want %q", got, b.URL(), u)
	}
}

func TestOpen_refuses(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	mangled := filepath.Join(t.TempDir(), "bus.url")
	if err := os.WriteFile(mangled, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, opts := range map[string]natsbus.Options{
		"either URLs or": {},
		"needs a folder": {Embedded: &natsbus.Embedded{}},
		"--bus-listen host:port, or --bus-listen off": {Embedded: &natsbus.Embedded{Dir: t.TempDir(), Listen: taken.Addr().String()}},
		"want host:port": {Embedded: &natsbus.Embedded{Dir: t.TempDir(), Listen: "4222"}},
		"delete it":      {Embedded: &natsbus.Embedded{Dir: t.TempDir(), Listen: "127.0.0.1:0", Credentials: mangled}},
		"unavailable":    {URLs: []string{"nats://127.0.0.1:1"}},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		b, err := natsbus.Open(ctx, opts)
		cancel()
		if err == nil {
			closeBus(t, b)
			t.Errorf("%+v: opened, want an error with %q", opts, want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q in it", err, want)
		}
	}
}

// More than the server queues at once is refused by it and sent again.
func TestPublish_largeBatch(t *testing.T) {
	t.Parallel()
	b := open(t, natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir()}})
	defer closeBus(t, b)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const callers, batch = 4, 10_000
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for _, err := range b.Publish(ctx, slices.Repeat([]bus.Message{ring}, batch)...) {
				if err != nil {
					t.Errorf("publish: %v", err)
					return
				}
			}
		})
	}
	group.Wait()
	last, err := b.Last(t.Context(), bus.Events)
	if err != nil || last < callers*batch {
		t.Errorf("stored %d, %v, want %d", last, err, callers*batch)
	}
}
