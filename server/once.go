package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// OnceHeader is the header by which a caller makes repeating a call safe: calls of an account
// with one key are carried out once, and all get the answer of that one, from every server
// and after restarts, as long as it is kept. The same key on another call is a mistake.
//
// Only success is kept. What was refused changed nothing: the key is free again, and the
// repeated call is judged by what is true then.
const OnceHeader = "Idempotency-Key"

// replayedHeader marks an answer that an earlier call got.
const replayedHeader = "Idempotency-Replayed"

const (
	keepAnswers = 24 * time.Hour
	// maxAnswer bounds what is kept of an answer, compressed. Of a larger one the identifier
	// is kept.
	maxAnswer = 1 << 20
	// takeOver is when a call that has not answered is held to be lost with its server.
	takeOver = patience + 30*time.Second
	// queueUp is how long a repeated call waits for the first one's answer.
	queueUp = 5 * time.Second
	maxKey  = 255
)

// errUnderWay: the call with this key has not been answered yet.
var errUnderWay = errors.New("a call with this Idempotency-Key is under way; ask again")

// claim is a caller's hold on a key.
type claim struct {
	id       string
	request  string // what of the call must be the same
	created  int64
	revision int64
}

// jobID is the identifier of the job that the call starts: the same when the call is taken up
// again after its server was lost.
func (k *claim) jobID() string {
	return hashed(k.id, k.request, time.UnixMilli(k.created).UTC().Format(time.RFC3339Nano))[:24]
}

func hashed(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// once carries out a call with a key, or answers as the call did that had the key first.
func (c *call) once(key string, do func() (value.Value, error)) (value.Value, error) {
	if len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
		return value.Absent, badAt("", "idempotency-key", "%s must have 1 to %d visible ASCII characters.", OnceHeader, maxKey)
	}
	body, err := c.bytes()
	if err != nil {
		return value.Absent, err
	}
	r := c.Request()
	r.Body = io.NopCloser(bytes.NewReader(body))
	raw, _ := c.Get(rawPathKey).(string)
	query := r.URL.Query()
	query.Del("token")
	k := &claim{id: hashed(c.who.ID, key), request: hashed(r.Method, collapse(raw), query.Encode(), string(body)), created: c.Now().UnixMilli()}
	kept, err := c.claim(k)
	if err != nil {
		return value.Absent, err
	}
	if kept.IsObject() {
		return c.replay(kept)
	}
	c.claimed = k
	v, err := do()
	// The outcome is noted even when the caller has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 10*time.Second)
	defer cancel()
	if noted := c.settle(ctx, k, v, err); noted != nil {
		c.Log.Warn("outcome of a call with a key not stored; a repetition is carried out anew", "route", c.Path(), "err", noted)
	}
	return v, err
}

// claim takes a key, or returns the answer that is kept for it.
func (c *call) claim(k *claim) (value.Value, error) {
	ctx := c.Request().Context()
	for deadline := time.Now().Add(queueUp); ; {
		now := c.Now()
		fresh := value.Object("_id", value.String(k.id), "request", value.String(k.request), "created", value.Int(k.created),
			"until", value.Int(now.Add(takeOver).UnixMilli()), "expires", value.Int(now.Add(keepAnswers).UnixMilli()))
		err := c.save(store.Answers, "answer", fresh, store.New)
		if err == nil {
			k.revision = store.Revision(store.New)
			return value.Absent, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return value.Absent, err
		}
		doc, err := c.Store.Get(ctx, store.Answers, k.id)
		if errors.Is(err, store.ErrNotFound) {
			continue // free again
		}
		if err != nil {
			return value.Absent, err
		}
		held, err := value.ParseLast(doc.Body)
		if err != nil {
			return value.Absent, err
		}
		expires, _ := held.Get("expires").Int()
		until, _ := held.Get("until").Int()
		switch {
		case expires <= now.UnixMilli():
			err = c.save(store.Answers, "answer", fresh, doc.Revision)
		case held.Get("request").Text() != k.request:
			return value.Absent, refuse(mismatch, "this %s belongs to another call", OnceHeader)
		case held.Has("status"):
			return held, nil
		case until <= now.UnixMilli():
			k.created, _ = held.Get("created").Int()
			err = c.save(store.Answers, "answer", fresh.With("created", held.Get("created")), doc.Revision)
		default:
			if time.Now().After(deadline) {
				return value.Absent, errUnderWay
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
				return value.Absent, ctx.Err()
			}
			continue
		}
		if err == nil {
			k.revision = store.Revision(doc.Revision)
			return value.Absent, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return value.Absent, err
		}
	}
}

// settle notes what became of a call: its answer, that its key is free again, or, when that
// is not known, that whoever repeats it takes it up.
func (c *call) settle(ctx context.Context, k *claim, v value.Value, err error) error {
	doc := value.Object("_id", value.String(k.id), "request", value.String(k.request), "created", value.Int(k.created),
		"expires", value.Int(c.Now().Add(keepAnswers).UnixMilli()))
	switch {
	case err == nil:
		status := http.StatusOK
		if c.Response().Committed {
			status = c.Response().Status
		}
		body, large := squeezed(v)
		doc = doc.With("status", value.Int(int64(status))).With("body", value.String(body)).With("large", value.Bool(large))
	case decide(err).status < http.StatusInternalServerError:
		return c.Store.Commit(ctx, store.Batch{{Collection: store.Answers, ID: k.id, Expect: k.revision}})[0]
	default:
		doc = doc.With("until", value.Int(0))
	}
	w, err := c.write(store.Answers, doc, k.revision)
	if err != nil {
		return err
	}
	return c.Store.Commit(ctx, store.Batch{w})[0]
}

// squeezed is an answer as it is kept: compressed text, "" for none. Of a large one only the
// identifier is kept.
func squeezed(v value.Value) (text string, large bool) {
	if v.IsAbsent() {
		return "", false
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	// Writing to memory does not fail.
	_, _ = z.Write(v.AppendJSON(nil))
	_ = z.Close()
	if b.Len() > maxAnswer {
		text, _ = squeezed(enveloped(v.Get("message").Text(), value.Object("_id", value.String(identified(v)))))
		return text, true
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), false
}

// replay gives the answer that is kept.
func (c *call) replay(kept value.Value) (value.Value, error) {
	c.deed.replayed = true
	c.Response().Header().Set(replayedHeader, "true")
	status, _ := kept.Get("status").Int()
	text := kept.Get("body").Text()
	if text == "" {
		return value.Absent, c.NoContent(int(status))
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return value.Absent, err
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return value.Absent, err
	}
	data, err = io.ReadAll(z)
	if err != nil {
		return value.Absent, err
	}
	return value.Absent, c.JSONBlob(int(status), data)
}

// forgetting removes answers that are kept no longer, now and then.
type forgetting struct {
	mu   sync.Mutex
	last time.Time
}

const forgetEvery = time.Minute

// forget removes some answers that are kept no longer, at most once in a while.
func (s *Server) forget(ctx context.Context) {
	s.forgetting.mu.Lock()
	now := s.Now()
	due := now.Sub(s.forgetting.last) >= forgetEvery
	if due {
		s.forgetting.last = now
	}
	s.forgetting.mu.Unlock()
	if !due {
		return
	}
	page, err := s.Store.Find(ctx, store.Answers, store.Query{
		Where: store.Where("expires", store.Lt, now.UnixMilli()), Limit: 1000, NoTotal: true,
	})
	if err != nil || len(page.Docs) == 0 {
		return // the next call looks again
	}
	batches := make([]store.Batch, len(page.Docs))
	for i, d := range page.Docs {
		batches[i] = store.Batch{{Collection: store.Answers, ID: d.ID, Expect: d.Revision}}
	}
	_ = s.Store.Commit(ctx, batches...) // one that was taken anew meanwhile stays
}
