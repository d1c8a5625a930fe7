package natsbus

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

func secret() string { return rand.Text() + rand.Text() }

// secretFile is the path of the file with the URL other processes connect to.
type secretFile string

// load returns the password in the file, or a new one when there is no file yet.
func (f secretFile) load() (string, error) {
	data, err := os.ReadFile(string(f))
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
	return "", fmt.Errorf("%s is not a nats://user:password@host:port line; delete it to have a new one made", f)
}

func (f secretFile) gone() bool {
	_, err := os.Stat(string(f))
	return errors.Is(err, os.ErrNotExist)
}

// save writes the whole file or none of it, readable by its owner alone from the first byte on.
func (f secretFile) save(url string) error {
	part, err := os.CreateTemp(filepath.Dir(string(f)), filepath.Base(string(f))+".*") // 0600
	if err != nil {
		return err
	}
	_, err = part.WriteString(url + "\n")
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), string(f))
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return nil
}
