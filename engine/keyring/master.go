package keyring

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Local is a master key in this process' memory.
type Local struct {
	name string
	box  cipher.AEAD
}

// NewLocal takes a key of 32 bytes. Its name is the beginning of its hash.
func NewLocal(key []byte) (*Local, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("a master key must have %d bytes, not %d", keySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("heddle master key\x00"), key...))
	return &Local{"local:" + hex.EncodeToString(sum[:6]), box}, nil
}

// ParseLocal takes a key of 64 hexadecimal digits.
func ParseLocal(text string) (*Local, error) {
	key, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("a master key must be %d hexadecimal digits", 2*keySize)
	}
	return NewLocal(key)
}

// FromFile takes the key in a file of 64 hexadecimal digits. With make, a file that is missing
// is made, readable by its owner alone. One that others may read is refused.
func FromFile(path string, make bool) (*Local, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && make {
		if data, err = create(path); errors.Is(err, fs.ErrExist) { // another process was quicker
			data, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("master key: others may read %s; chmod 600 it", path)
	}
	m, err := ParseLocal(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// create writes a new key to a file that appears whole or not at all.
func create(path string) ([]byte, error) {
	key := make([]byte, keySize)
	rand.Read(key)
	text := []byte(hex.EncodeToString(key) + "\n")
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // of mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return text, os.Link(f.Name(), path)
}

// Name implements [Master].
func (l *Local) Name() string { return l.name }

// Wrap implements [Master].
func (l *Local) Wrap(_ context.Context, key []byte) ([]byte, error) {
	return l.box.Seal(nil, nil, key, nil), nil
}

// Unwrap implements [Master].
func (l *Local) Unwrap(_ context.Context, wrapped []byte) ([]byte, error) {
	return l.box.Open(nil, nil, wrapped, nil)
}
