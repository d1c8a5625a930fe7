package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// cost is the work of one password hash: 19 MiB, two passes, one lane.
type cost struct {
	memory uint32 // KiB
	time   uint32
	lanes  uint8
}

var standard = cost{19 * 1024, 2, 1}

const (
	saltSize = 16
	hashSize = 32
	// maxPassword keeps a login from hashing megabytes.
	maxPassword = 1024
	minPassword = 8
)

// hasher computes password hashes, few at a time: each takes memory.
type hasher struct{ slots chan struct{} }

func newHasher(atOnce int) hasher { return hasher{make(chan struct{}, atOnce)} }

func (h hasher) key(ctx context.Context, password string, salt []byte, c cost) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, c.time, c.memory, c.lanes, hashSize), nil
}

// hash makes the stored form of a password, in the PHC string format.
func (h hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	key, err := h.key(ctx, password, salt, standard)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, standard.memory, standard.time, standard.lanes,
		b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// matches compares a password with its stored form. An empty form takes as long as any and
// matches nothing, so that time does not tell which accounts exist.
func (h hasher) matches(ctx context.Context, password, stored string) (bool, error) {
	salt, want, c, ok := parseHash(stored)
	if !ok {
		salt, c = make([]byte, saltSize), standard
	}
	if len(password) > maxPassword {
		password, ok = "", false
	}
	got, err := h.key(ctx, password, salt, c)
	if err != nil {
		return false, err
	}
	return ok && subtle.ConstantTimeCompare(got, want) == 1, nil
}

func parseHash(stored string) (salt, key []byte, c cost, ok bool) {
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return nil, nil, c, false
	}
	var version int
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return nil, nil, c, false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.time, &c.lanes); err != nil || c.memory == 0 || c.time == 0 || c.lanes == 0 {
		return nil, nil, c, false
	}
	b64 := base64.RawStdEncoding
	salt, err := b64.DecodeString(parts[4])
	if err != nil {
		return nil, nil, c, false
	}
	key, err = b64.DecodeString(parts[5])
	return salt, key, c, err == nil && len(key) == hashSize
}

// randomToken makes a secret of 256 bits in the URL-safe alphabet.
func randomToken() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// digest is what is stored in place of a random secret.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func sameDigest(secret, stored string) bool {
	return stored != "" && subtle.ConstantTimeCompare([]byte(digest(secret)), []byte(stored)) == 1
}

func newID() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
