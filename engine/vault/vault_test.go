package vault_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine/keyring"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/engine/vault"
	"github.com/heddlehq/heddle/workflows/value"
)

// fake is as much of Vault as the client uses.
func fake(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		switch {
		case r.Header.Get("X-Vault-Token") != "root":
			http.Error(w, `{"errors":["permission denied for the secret swordfish"]}`, http.StatusForbidden)
		case r.URL.Path == "/v1/kv/data/net/core":
			fmt.Fprint(w, `{"data":{"data":{"token":"swordfish","port":443},"metadata":{"version":1}}}`)
		case r.URL.Path == "/v1/kv/data/moved":
			http.Redirect(w, r, "http://evil.test/", http.StatusTemporaryRedirect)
		case r.Method == http.MethodPost && r.URL.Path == "/v1/transit/encrypt/heddle":
			fmt.Fprintf(w, `{"data":{"ciphertext":"vault:v1:%s"}}`, value.MustParse(string(body)).Get("plaintext").Text())
		case r.Method == http.MethodPost && r.URL.Path == "/v1/transit/decrypt/heddle":
			fmt.Fprintf(w, `{"data":{"plaintext":%q}}`, strings.TrimPrefix(value.MustParse(string(body)).Get("ciphertext").Text(), "vault:v1:"))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestClient(t *testing.T) {
	t.Parallel()
	s := fake(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("root\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := vault.New(s.URL+"/", vault.TokenFile(file))
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{"token": "swordfish", "port": "443"} {
		if got, err := c.Secret(t.Context(), "kv", "net/core", field); got != want || err != nil {
			t.Errorf("%s = %q, %v", field, got, err)
		}
	}
	for _, tc := range [][2]string{{"net/core", "none"}, {"none", "token"}} {
		if _, err := c.Secret(t.Context(), "kv", tc[0], tc[1]); !errors.Is(err, vault.ErrNotFound) {
			t.Errorf("%v: %v", tc, err)
		}
	}
	for _, path := range []string{"../../sys/seal", "moved", "a//b"} {
		if _, err := c.Secret(t.Context(), "kv", path, "token"); err == nil || errors.Is(err, vault.ErrNotFound) {
			t.Errorf("%q is asked for: %v", path, err)
		}
	}

	// As a master key it wraps data keys.
	st, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k, err := keyring.New(st, keyring.Transit(c, "heddle"), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := k.Seal(t.Context(), "p", []byte("canary"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := keyring.New(st, keyring.Transit(c, "heddle"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("expired"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = again.Open(t.Context(), "p", text)
	if !errors.Is(err, keyring.ErrKey) || strings.Contains(err.Error(), "swordfish") || !strings.Contains(err.Error(), "403") {
		t.Errorf("without a token: %v", err)
	}
	if err := os.WriteFile(file, []byte("root"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open(t.Context(), "p", text); string(got) != "canary" || err != nil {
		t.Errorf("opened %q, %v", got, err)
	}
	s.Close()
	if got, err := again.Open(t.Context(), "p", text); string(got) != "canary" || err != nil {
		t.Errorf("with a key in memory and no Vault: %q, %v", got, err)
	}
	for _, address := range []string{"", "vault:8200", "ftp://vault"} {
		if _, err := vault.New(address, nil); err == nil {
			t.Errorf("address %q is taken", address)
		}
	}
}
