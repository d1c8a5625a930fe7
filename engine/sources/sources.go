// Package sources finds secrets where they are kept: in environment variables, in files, in
// Vault, or in a store of Heddle's own. The name of a secret says where:
//
//	env:NAME                the environment variable NAME with the prefix that is allowed
//	file:NAME               a file in the folder that is allowed, without the line's end
//	vault:MOUNT/PATH#FIELD  a field of a secret in Vault's key-value engine, version 2
//	NAME                    a secret that is stored in Heddle
//
// A secret is read each time it is asked for, so that it may change where it is kept.
package sources

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// maxSecret bounds what is read from a file.
const maxSecret = 64 << 10

// Vault reads a field of a secret; a *vault.Client does.
type Vault interface {
	Secret(ctx context.Context, mount, path, field string) (string, error)
}

// Sources are the places that may be looked into. What is not set is not there.
type Sources struct {
	Prefix string // of the environment variables that are secrets; others are never read
	Folder string // of the files that are secrets
	Vault  Vault
	Stored func(ctx context.Context, name string) (string, error)
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

// Get is the text of a secret. An error names the secret and never its text.
func (s *Sources) Get(ctx context.Context, name string) (string, error) {
	where, rest, ok := strings.Cut(name, ":")
	if !ok {
		if s.Stored == nil {
			return "", fmt.Errorf("secret %q: no secrets are stored here; its name may begin with env:, file: or vault:", name)
		}
		return s.Stored(ctx, name)
	}
	var text string
	var err error
	switch where {
	case "env":
		text, err = s.environment(rest)
	case "file":
		text, err = s.file(rest)
	case "vault":
		text, err = s.vault(ctx, rest)
	default:
		err = errors.New("its name must begin with env:, file: or vault:, or have no colon")
	}
	if err != nil {
		return "", fmt.Errorf("secret %q: %w", name, err)
	}
	return text, nil
}

func (s *Sources) environment(name string) (string, error) {
	if s.Prefix == "" {
		return "", errors.New("secrets in the environment are not allowed")
	}
	if !plain.MatchString(name) {
		return "", errors.New("this is not the name of an environment variable")
	}
	text, ok := os.LookupEnv(s.Prefix + name)
	if !ok {
		return "", fmt.Errorf("the environment variable %s%s is not set", s.Prefix, name)
	}
	return text, nil
}

func (s *Sources) file(name string) (string, error) {
	if s.Folder == "" {
		return "", errors.New("secrets in files are not allowed")
	}
	if !plain.MatchString(name) {
		return "", errors.New("this is not the name of a file in the folder of secrets")
	}
	root, err := os.OpenRoot(s.Folder) // a link in it leads to nowhere else
	if err != nil {
		return "", err
	}
	defer root.Close()
	data, err := root.ReadFile(name)
	if err != nil {
		return "", err
	}
	if len(data) > maxSecret {
		return "", fmt.Errorf("the file has %d bytes, a secret at most %d", len(data), maxSecret)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

func (s *Sources) vault(ctx context.Context, name string) (string, error) {
	if s.Vault == nil {
		return "", errors.New("no Vault is set up")
	}
	path, field, _ := strings.Cut(name, "#")
	mount, path, ok := strings.Cut(path, "/")
	if !ok || mount == "" || path == "" || field == "" {
		return "", errors.New("it must be vault:MOUNT/PATH#FIELD")
	}
	return s.Vault.Secret(ctx, mount, path, field)
}
