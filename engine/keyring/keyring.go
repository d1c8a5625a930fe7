// Package keyring keeps the keys that values are encrypted with.
//
// Values are sealed with data keys, by AES-256-GCM. Data keys are in the store, each wrapped by
// a master key, which is not: it is in a file, in the environment, or never leaves a key
// service. Whoever copies the store can open nothing. A rotation makes another data key for
// what is sealed from then on, and wraps all of them with the master key of the day; what was
// sealed before can be opened as before.
//
// When the master key is lost, or its service does not answer, sealing and opening fail with
// [ErrKey] and a text that says which key is missing; nothing is ever stored in clear instead.
package keyring

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// ErrKey says that a key is not to be had. The same call works once it is.
var ErrKey = errors.New("the encryption key is not available")

// ErrForged says that what should be opened was not sealed here, or elsewhere than it stands.
var ErrForged = errors.New("an encrypted value was changed, or moved from where it belongs")

// Master wraps data keys.
type Master interface {
	// Name tells master keys apart; it is stored and shown.
	Name() string
	Wrap(ctx context.Context, key []byte) ([]byte, error)
	Unwrap(ctx context.Context, wrapped []byte) ([]byte, error)
}

// keySize is that of AES-256.
const keySize = 32

// Keyring seals and opens. It is safe for concurrent use, and several servers may share the
// keys of one store.
type Keyring struct {
	store  store.Store
	now    func() time.Time
	schema *store.Schema

	mu     sync.Mutex
	master Master
	keys   map[string]cipher.AEAD
	active string // the key that new values are sealed with
	looked time.Time
}

// lookEvery is how often a keyring looks whether another server has rotated the keys.
const lookEvery = 10 * time.Second

// New is the keyring of a store. Keys are read when they are needed. A nil clock is the wall
// clock.
func New(st store.Store, master Master, now func() time.Time) (*Keyring, error) {
	schema, err := store.NewSchema(store.Collections)
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	return &Keyring{store: st, now: now, schema: schema, master: master, keys: map[string]cipher.AEAD{}}, nil
}

// Seal encrypts a text for a place, without which it cannot be opened again.
func (k *Keyring) Seal(ctx context.Context, place string, text []byte) (string, error) {
	id, box, err := k.current(ctx)
	if err != nil {
		return "", err
	}
	return id + "." + base64.RawURLEncoding.EncodeToString(box.Seal(nil, nil, text, []byte(place))), nil
}

// Open decrypts what Seal gave for the place. Errors: ErrKey, ErrForged.
func (k *Keyring) Open(ctx context.Context, place, sealed string) ([]byte, error) {
	id, text, _ := strings.Cut(sealed, ".")
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(id) != idSize {
		return nil, ErrForged
	}
	box, err := k.key(ctx, id)
	if err != nil {
		return nil, err
	}
	out, err := box.Open(nil, nil, data, []byte(place))
	if err != nil {
		return nil, ErrForged
	}
	return out, nil
}

// current is the key of the day, made when there is none.
func (k *Keyring) current(ctx context.Context) (string, cipher.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.active == "" || k.now().Sub(k.looked) >= lookEvery {
		newest, err := k.newest(ctx)
		if err != nil {
			return "", nil, err
		}
		if newest == "" {
			if newest, err = k.add(ctx); err != nil {
				return "", nil, err
			}
		}
		k.active, k.looked = newest, k.now()
	}
	box, err := k.unwrapped(ctx, k.active)
	return k.active, box, err
}

func (k *Keyring) key(ctx context.Context, id string) (cipher.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.unwrapped(ctx, id)
}

// idSize is the length of a data key's identifier.
const idSize = 12

// newest finds the data key that was made last; "" without any.
func (k *Keyring) newest(ctx context.Context) (string, error) {
	page, err := k.store.Find(ctx, store.Keys, store.Query{Sort: []store.Order{{Field: "created", Desc: true}, {Field: store.ID}}, Limit: 1, NoTotal: true})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrKey, err)
	}
	if len(page.Docs) == 0 {
		return "", nil
	}
	return page.Docs[0].ID, nil
}

// add makes a data key.
func (k *Keyring) add(ctx context.Context) (string, error) {
	key, id := make([]byte, keySize), make([]byte, idSize/2)
	rand.Read(key)
	rand.Read(id)
	name := hex.EncodeToString(id)
	wrapped, err := k.master.Wrap(ctx, key)
	if err != nil {
		return "", fmt.Errorf("%w: master key %s: %w", ErrKey, k.master.Name(), err)
	}
	doc := value.Object("_id", value.String(name), "created", value.Time(k.now()), "master", value.String(k.master.Name()),
		"wrapped", value.String(base64.StdEncoding.EncodeToString(wrapped)))
	if err := k.save(ctx, doc, store.New); err != nil {
		return "", fmt.Errorf("%w: %w", ErrKey, err)
	}
	return name, nil
}

func (k *Keyring) save(ctx context.Context, doc value.Value, expect int64) error {
	c, err := k.schema.Collection(store.Keys)
	if err != nil {
		return err
	}
	return k.store.Commit(ctx, store.Batch{{
		Collection: store.Keys, ID: doc.Get("_id").Text(), Expect: expect, Body: doc.AppendJSON(nil), Index: c.IndexOf(doc),
	}})[0]
}

// unwrapped is a data key ready for use.
func (k *Keyring) unwrapped(ctx context.Context, id string) (cipher.AEAD, error) {
	if box, ok := k.keys[id]; ok {
		return box, nil
	}
	stored, err := k.store.Get(ctx, store.Keys, id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalid) {
		return nil, fmt.Errorf("%w: the store has no data key %q", ErrKey, id)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	doc, err := value.ParseLast(stored.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: data key %q: %w", ErrKey, id, err)
	}
	key, err := k.unwrap(ctx, doc, k.master)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("%w: data key %q: %w", ErrKey, id, err)
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("%w: data key %q: %w", ErrKey, id, err)
	}
	k.keys[id] = box
	return box, nil
}

func (k *Keyring) unwrap(ctx context.Context, doc value.Value, master Master) ([]byte, error) {
	wrapped, err := base64.StdEncoding.DecodeString(doc.Get("wrapped").Text())
	if err == nil {
		var key []byte
		if key, err = master.Unwrap(ctx, wrapped); err == nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%w: data key %q was wrapped by the master key %s, and the server has %s: %w",
		ErrKey, doc.Get("_id").Text(), doc.Get("master").Text(), master.Name(), err)
}

// Rotation tells what [Keyring.Rotate] did.
type Rotation struct {
	Active    string // the new data key
	Rewrapped int    // data keys that are wrapped by the master key now
}

// Rotate makes a new data key and wraps all of them with another master key, which the keyring
// uses from then on; nil keeps the one it has. It may be repeated after a failure: a key that
// the new master opens already is left as it is.
func (k *Keyring) Rotate(ctx context.Context, master Master) (Rotation, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var r Rotation
	old := k.master
	if master == nil {
		master = old
	}
	page, err := k.store.Find(ctx, store.Keys, store.Query{Limit: store.MaxValues, NoTotal: true})
	if err != nil {
		return r, fmt.Errorf("rotate keys: %w", err)
	}
	for _, d := range page.Docs {
		doc, err := value.ParseLast(d.Body)
		if err != nil {
			return r, fmt.Errorf("rotate key %q: %w", d.ID, err)
		}
		if doc.Get("master").Text() == master.Name() {
			continue
		}
		key, err := k.unwrap(ctx, doc, old)
		if err != nil {
			return r, fmt.Errorf("rotate key %q: %w", d.ID, err)
		}
		wrapped, err := master.Wrap(ctx, key)
		if err != nil {
			return r, fmt.Errorf("rotate key %q: master key %s: %w", d.ID, master.Name(), err)
		}
		doc = doc.With("master", value.String(master.Name())).With("wrapped", value.String(base64.StdEncoding.EncodeToString(wrapped)))
		if err := k.save(ctx, doc, d.Revision); err != nil {
			return r, fmt.Errorf("rotate key %q: %w", d.ID, err)
		}
		r.Rewrapped++
	}
	k.master = master
	if r.Active, err = k.add(ctx); err != nil {
		return r, fmt.Errorf("rotate keys: %w", err)
	}
	k.active, k.looked = r.Active, k.now()
	return r, nil
}
