package secrets_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine/keyring"
	"github.com/heddlehq/heddle/engine/secrets"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows"
)

func TestSecrets(t *testing.T) {
	t.Parallel()
	st, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ring := func(key byte) *keyring.Keyring {
		t.Helper()
		master, err := keyring.NewLocal(bytes.Repeat([]byte{key}, 32))
		if err != nil {
			t.Fatal(err)
		}
		keys, err := keyring.New(st, master, nil)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	open := func(key byte) *secrets.Secrets {
		t.Helper()
		s, err := secrets.New(st, ring(key), nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open(1)
	for _, text := range []string{"opensesame", "swordfish"} {
		if _, err := s.Set(t.Context(), "snow.token", text, "ada"); err != nil {
			t.Fatal(err)
		}
		if got, err := open(1).Get(t.Context(), "snow.token"); got != text || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, text)
		}
	}
	d, err := st.Get(t.Context(), store.Secrets, "snow.token")
	if err != nil || strings.Contains(string(d.Body), "swordfish") {
		t.Errorf("stored as %s, %v", d.Body, err)
	}
	list, err := s.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Name != "snow.token" || list[0].CreatedBy != "ada" || list[0].Updated.Before(list[0].Created) {
		t.Errorf("list %+v, %v", list, err)
	}
	if _, err := open(2).Get(t.Context(), "snow.token"); !errors.Is(err, keyring.ErrKey) {
		t.Errorf("with another key: %v", err)
	}

	keys := ring(1)
	r, err := keys.Rotate(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := secrets.New(st, keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := rotated.Reseal(t.Context()); n != 1 || err != nil {
		t.Errorf("%d sealed anew, %v", n, err)
	}
	if d, err = st.Get(t.Context(), store.Secrets, "snow.token"); err != nil || !strings.Contains(string(d.Body), `"`+r.Active+`.`) {
		t.Errorf("after a rotation stored as %s, %v; want key %s", d.Body, err, r.Active)
	}
	if got, err := open(1).Get(t.Context(), "snow.token"); got != "swordfish" || err != nil {
		t.Errorf("after a rotation: %q, %v", got, err)
	}

	// A sealed text cannot be moved under another name.
	w := store.Write{Collection: store.Secrets, ID: "moved", Expect: store.New, Body: d.Body, Index: []any{"moved", nil}}
	if err := st.Commit(t.Context(), store.Batch{w})[0]; err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(t.Context(), "moved"); err == nil {
		t.Errorf("moved secret reads %q", got)
	}

	if _, err := s.Delete(t.Context(), "snow.token"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "snow.token"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	for name, text := range map[string]string{"": "x", "a/b": "x", "$secret": "x", "fine": "", "large": strings.Repeat("x", 1<<20)} {
		_, err := s.Set(t.Context(), name, text, "ada")
		if _, ok := errors.AsType[*workflows.Invalid](err); !ok {
			t.Errorf("set %q to %d bytes: %v", name, len(text), err)
		}
	}
}
