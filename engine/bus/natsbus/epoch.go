package natsbus

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Epoch is made of the streams' birthdays, which the server keeps with them, and of what tells that
// messages may be gone although their streams are there: a server writes to disk some time after it
// answered, so one that died may have lost what came last.
func (b *Bus) Epoch(ctx context.Context) (string, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	b.keepSecret()
	var epoch string
	err := b.retry(ctx, func() (err error) {
		if err = b.repair(ctx, b.seen()); err == nil {
			epoch, err = b.epoch(ctx)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("epoch: %w", b.classify(err))
	}
	return epoch, nil
}

// keepSecret puts the credentials of other processes back if somebody deleted them: those who run
// know the password, those who start need it.
func (b *Bus) keepSecret() {
	if b.server == nil {
		return
	}
	if gone, err := b.server.restoreSecret(); gone {
		b.log.Warn("the bus's credentials were gone, written again", "path", string(b.server.secret), "err", err)
	}
}

func (b *Bus) epoch(ctx context.Context) (string, error) {
	var parts []string
	// The only replica is as old as its server's process. One in this process dies with who would ask.
	if b.opts.Replicas == 1 && b.server == nil {
		id := b.conn.ConnectedServerId()
		if id == "" {
			return "", nats.ErrDisconnected
		}
		parts = append(parts, id)
	}
	b.heights.asking.Lock() // an answer that is overtaken by a later one would look like a step back
	defer b.heights.asking.Unlock()
	for _, s := range b.opts.Streams {
		info, err := b.info(ctx, s.Name)
		if err != nil {
			return "", err
		}
		b.births.note(s.Name, info.Created)
		falls := b.heights.note(s.Name, info.Created, info.State.LastSeq)
		parts = append(parts, strconv.FormatInt(info.Created.UnixNano(), 36)+"."+strconv.Itoa(falls))
	}
	return strings.Join(parts, "-"), nil
}

// heights are the highest sequences seen of the streams. One that falls has lost messages.
type heights struct {
	asking sync.Mutex // guards of
	of     map[string]height
}

type height struct {
	birth time.Time
	last  uint64
	falls int // in this life of the stream
}

// note returns how often the stream fell so far.
func (h *heights) note(stream string, birth time.Time, last uint64) (falls int) {
	now := height{birth: birth, last: last}
	if before := h.of[stream]; before.birth.Equal(birth) {
		now.falls = before.falls
		if last < before.last {
			now.falls++
		}
	}
	if h.of == nil {
		h.of = map[string]height{}
	}
	h.of[stream] = now
	return now.falls
}

// births are when the streams were made that are there now.
type births struct{ of sync.Map }

func (b *births) note(stream string, birth time.Time) { b.of.Store(stream, birth.UnixNano()) }

// after tells whether a stream was made after a time, in nanoseconds since 1970; 0 is never.
func (b *births) after(stream string, at int64) bool {
	birth, ok := b.of.Load(stream)
	return ok && at > 0 && birth.(int64) > at
}
