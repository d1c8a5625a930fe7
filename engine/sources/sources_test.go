package sources_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine/sources"
)

// fields answers for Vault.
type fields map[string]string

func (f fields) Secret(_ context.Context, mount, path, field string) (string, error) {
	if text, ok := f[mount+"|"+path+"|"+field]; ok {
		return text, nil
	}
	return "", errors.New("nothing there")
}

func TestSources(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	folder := filepath.Join(dir, "secrets")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{outside: "canary", filepath.Join(folder, "netbox"): "swordfish\n", filepath.Join(folder, "large"): strings.Repeat("x", 65<<10)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HEDDLE_SECRET_token", "from the environment")
	t.Setenv("PRIVATE", "canary")
	all := &sources.Sources{
		Prefix: "HEDDLE_SECRET_", Folder: folder, Vault: fields{"kv|net/core|token": "from vault"},
		Stored: func(_ context.Context, name string) (string, error) { return "stored " + name, nil },
	}
	for name, want := range map[string]string{
		"env:token": "from the environment", "file:netbox": "swordfish", "vault:kv/net/core#token": "from vault", "snow.token": "stored snow.token",
		"env:none": "", "env:../PRIVATE": "", "env:": "", "file:none": "", "file:../outside": "", "file:link": "", "file:large": "", "file:": "", "file:/etc/passwd": "",
		"vault:kv#token": "", "vault:kv/net/core": "", "vault:": "", "ldap:x": "", ":x": "",
	} {
		got, err := all.Get(t.Context(), name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
		if err != nil && (!strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	none := &sources.Sources{}
	for _, name := range []string{"env:token", "file:netbox", "vault:kv/net/core#token", "snow.token"} {
		if got, err := none.Get(t.Context(), name); err == nil {
			t.Errorf("%s: %q though nothing is allowed", name, got)
		}
	}
}
