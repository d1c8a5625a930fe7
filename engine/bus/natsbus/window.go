package natsbus

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/engine/bus"
)

// window has a Consume call hold so many deliveries and no more, counted until they are
// settled; the jetstream package asks for the next ones as soon as the handler returned.
// It outlives subscriptions, as deliveries do.
type window struct {
	bus   *Bus
	c     bus.Consumer
	limit int // of what is asked for at once

	mu    sync.Mutex
	reply string          // of the subscription's requests, "" between two of them
	asked int             // deliveries requested that are not here yet
	held  map[uint64]hold // what is here and not settled, by sequence
	sign  time.Time       // when the server last showed that it knows of a request
}

// hold is a delivery and the end of its lease: then it is no longer ours.
type hold struct {
	d   *delivery
	end time.Time
}

// newWindow returns nil for a consumer that may hold all it can get, which the server counts itself.
func newWindow(b *Bus, c bus.Consumer) *window {
	if c.Prefetch == c.MaxPending {
		return nil
	}
	return &window{bus: b, c: c, limit: min(c.Prefetch, maxBatch), held: map[uint64]hold{}}
}

// subscribe begins to ask for deliveries.
func (w *window) subscribe(pass func(received), trouble func(error)) (jetstream.ConsumeContext, error) {
	p := &pull{w: w, ended: make(chan struct{}), stop: make(chan struct{})}
	var err error
	p.sub, err = w.bus.conn.Subscribe(w.bus.conn.NewInbox(), func(m *nats.Msg) {
		if strings.HasPrefix(m.Reply, ackPrefix) {
			pass(raw{m})
		} else if err := w.status(m.Header); err != nil {
			trouble(err)
		}
	})
	if err != nil {
		return nil, err
	}
	p.sub.SetClosedHandler(func(string) { close(p.ended) })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reply, w.asked = p.sub.Subject, 0
	w.ask()
	p.watched.Go(func() { p.watch(trouble) })
	return p, nil
}

// ask requests what there is room for. In a crowd that comes in lots: a request for each
// delivery would cost as much as the delivery.
func (w *window) ask() {
	n := min(w.c.Prefetch-len(w.held)-w.asked, w.limit-w.asked)
	lot := w.limit / 4
	if w.asked == 0 {
		lot = w.limit / 8
		w.sign = time.Now()
	}
	if w.reply == "" || n < max(lot, 1) {
		return
	}
	w.asked += n
	request := fmt.Appendf(nil, `{"batch":%d,"expires":%d,"idle_heartbeat":%d}`, n, pullExpiry, pullHeartbeat)
	// One that is not sent is missed like one the server lost: no sign of life follows.
	_ = w.bus.conn.PublishRequest(jetstream.DefaultAPIPrefix+"CONSUMER.MSG.NEXT."+w.c.Stream+"."+w.c.Name, w.reply, request)
}

// take counts a delivery that has come.
func (w *window) take(d *delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sign = time.Now()
	w.asked = max(w.asked-1, 0)
	w.held[d.sequence()] = hold{d, w.sign.Add(w.c.AckWait)}
	w.ask()
}

// settled makes room. Of a message that came again only the newest delivery counts.
func (w *window) settled(d *delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if seq := d.sequence(); w.held[seq].d == d {
		delete(w.held, seq)
		w.ask()
	}
}

// working prolongs a lease, of a delivery given up already too.
func (w *window) working(d *delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if h, other := w.held[d.sequence()]; !other || h.d == d {
		w.held[d.sequence()] = hold{d, time.Now().Add(w.c.AckWait)}
	}
}

// status reads what the server says about a request; an error ends the subscription.
func (w *window) status(h nats.Header) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sign = time.Now()
	switch h.Get("Status") {
	case "100": // a sign of life
		return nil
	case "404", "408":
		left, err := strconv.Atoi(h.Get("Nats-Pending-Messages"))
		if err != nil {
			left = w.asked
		}
		w.asked = max(w.asked-left, 0)
		w.ask()
		return nil
	}
	return fmt.Errorf("%w: pull request ended: %s", bus.ErrUnavailable, h.Get("Description"))
}

// look forgets leases that ran out, and finds a server that forgot the requests.
func (w *window) look() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for seq, h := range w.held {
		if now.After(h.end) {
			delete(w.held, seq)
		}
	}
	if w.asked > 0 && now.Sub(w.sign) > 2*pullHeartbeat {
		return jetstream.ErrNoHeartbeat
	}
	w.ask()
	return nil
}

// pull is a window's subscription.
type pull struct {
	w       *window
	sub     *nats.Subscription
	once    sync.Once
	stop    chan struct{}
	watched sync.WaitGroup
	ended   chan struct{} // the last delivery was handed over
}

func (p *pull) watch(trouble func(error)) {
	interrupted := p.w.bus.conn.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	defer p.w.bus.conn.RemoveStatusListener(interrupted)
	tick := time.NewTicker(min(pullHeartbeat, max(p.w.c.AckWait/2, settleWait)))
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-interrupted:
			trouble(nats.ErrDisconnected) // requests go down with the connection
			return
		case <-tick.C:
		}
		if err := p.w.look(); err != nil {
			trouble(err)
			return
		}
	}
}

// Stop ends the subscription.
func (p *pull) Stop() {
	p.quit()
	_ = p.sub.Unsubscribe() // only fails when the connection is closed, and the subscription with it
}

// Drain ends the subscription once what came is handed over.
func (p *pull) Drain() {
	p.quit()
	if p.sub.Drain() != nil {
		p.Stop() // the connection is closed
	}
}

func (p *pull) quit() {
	p.once.Do(func() {
		p.w.mu.Lock()
		p.w.reply, p.w.asked = "", 0
		p.w.mu.Unlock()
		close(p.stop)
		p.watched.Wait()
	})
}

// Closed tells when the last delivery was handed over.
func (p *pull) Closed() <-chan struct{} { return p.ended }
