package natsbus

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// doorkeeper lets in who knows a user's password: all of them to the same account, that of the streams.
type doorkeeper map[string]string

// Check is called by the server for each connection.
func (d doorkeeper) Check(c server.ClientAuthentication) bool {
	password, known := d[c.GetOpts().Username]
	// Compared in constant time; a user who does not exist takes as long as a wrong password.
	return subtle.ConstantTimeCompare([]byte(c.GetOpts().Password), []byte(password)) == 1 && known && password != ""
}

func secret() string { return rand.Text() + rand.Text() }

// loadSecret returns the password kept in dir, or a new one when there is none yet.
func loadSecret(dir string) (string, error) {
	path := filepath.Join(dir, credentialFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return secret(), nil
	}
	if err != nil {
		return "", err
	}
	u, err := url.Parse(strings.TrimSpace(string(data)))
	if err == nil && u.User != nil {
		if password, ok := u.User.Password(); ok && len(password) >= 20 {
			return password, nil
		}
	}
	return "", fmt.Errorf("%s is not a nats://user:password@host:port line; delete it to have a new one made", path)
}

// saveSecret writes the whole file or none of it, readable by its owner alone from the first byte on.
func saveSecret(dir, password, addr string) error {
	f, err := os.CreateTemp(dir, credentialFile+".*") // 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(clientURL(password, addr) + "\n")
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, credentialFile))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
