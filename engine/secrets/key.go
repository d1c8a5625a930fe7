package secrets

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// keySize is that of AES-256, in bytes.
const keySize = 32

type aesBox struct{ cipher.AEAD }

// WithKey seals with AES-256-GCM under a key of 32 bytes.
func WithKey(key []byte) (Box, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("a key for secrets must have %d bytes, not %d", keySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return aesBox{gcm}, nil
}

// KeyFile seals under the key in a file of 64 hexadecimal digits, which is made, readable by
// its owner alone, when it is missing. Servers that share a store need the same file.
func KeyFile(path string) (Box, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, keySize)
		_, _ = rand.Read(key) // never fails
		data = []byte(hex.EncodeToString(key) + "\n")
		err = create(path, data)
		if errors.Is(err, fs.ErrExist) { // another process was quicker
			data, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("key for secrets: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil {
		return nil, fmt.Errorf("key for secrets: %s must hold %d hexadecimal digits", path, 2*keySize)
	}
	box, err := WithKey(key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return box, nil
}

// create writes a new file, whole before it has its name.
func create(path string, data []byte) error {
	part, err := os.CreateTemp(filepath.Dir(path), ".key-*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(part.Name()) }() // linked or of no use
	_, err = part.Write(data)
	if err = errors.Join(err, part.Sync(), part.Close()); err != nil {
		return err
	}
	return os.Link(part.Name(), path)
}

func (b aesBox) Seal(text []byte) ([]byte, error) { return b.AEAD.Seal(nil, nil, text, nil), nil }

func (b aesBox) Open(sealed []byte) ([]byte, error) {
	text, err := b.AEAD.Open(nil, nil, sealed, nil)
	if err != nil {
		return nil, errors.New("it was sealed with another key than this server has, or is damaged")
	}
	return text, nil
}
