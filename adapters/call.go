package adapters

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/workflows/value"
)

// Call is one piece of work that a method does. Its methods may be called from any goroutine
// until the method returns.
type Call struct {
	Order    Order
	Instance Instance    // the adapter instance, with its secrets in place
	Changes  value.Value // what the method changes, which [Guarded] sets

	opened  *opened
	bus     bus.Bus
	publish func(data []byte)
	worker  string

	mu   sync.Mutex
	last time.Time // of the last progress sent
	said int       // log lines sent
}

// Client is what the kind's Open made for the call's instance. It panics when that is no C,
// a programmer's mistake.
func Client[C any](c *Call) C { return c.opened.client.(C) }

// Config reads the configuration of the call's instance.
func (c *Call) Config(into any) error {
	if err := c.Instance.Config.Decode(into); err != nil {
		return fmt.Errorf("configuration of adapter instance %q: %w", c.Instance.ID, err)
	}
	return nil
}

// Bounds of what a call may tell. The rest is dropped, so that chatter cannot hold up results.
const (
	progressEvery = 100 * time.Millisecond
	maxLines      = 1000
	maxText       = 4096
)

// Progress tells how far the work is, from 0 to 100, and that the worker is alive. It is
// cheap to call often: at most ten a second are sent.
func (c *Call) Progress(percent float64, text string) {
	c.mu.Lock()
	now := time.Now()
	due := now.Sub(c.last) >= progressEvery
	if due {
		c.last = now
	}
	c.mu.Unlock()
	if due {
		c.publish(c.Order.Progressed(c.worker, percent, c.text(text)))
	}
}

// Log shows people a line about the work; fields are alternating keys and values. Secrets
// of the instance are struck out. Lines below the instance's level are dropped, and all
// after a thousand.
func (c *Call) Log(level slog.Level, text string, fields ...any) {
	if level < c.Instance.Level {
		return
	}
	c.mu.Lock()
	c.said++
	said := c.said
	c.mu.Unlock()
	if said > maxLines {
		return
	}
	more := value.Absent
	for i := 0; i+1 < len(fields); i += 2 {
		more = more.With(fmt.Sprint(fields[i]), value.Of(fields[i+1]))
	}
	c.publish(c.Order.Logged(c.worker, levelName(level), c.text(text), time.Now(), c.opened.strike(more)))
}

func (c *Call) text(s string) string {
	s = c.opened.redacted(s)
	if len(s) > maxText {
		s = s[:maxText] + " ..."
	}
	return s
}

func levelName(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warn"
	case l >= slog.LevelInfo:
		return "info"
	}
	return "debug"
}
