// Package vault is a client of the two things Heddle needs of HashiCorp Vault, or of OpenBao,
// which speaks the same: secrets of the key-value engine, version 2, and the transit engine,
// which encrypts with keys that never leave it.
package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// ErrNotFound: there is no such secret, key or field.
var ErrNotFound = errors.New("vault has nothing there")

// Client speaks to one Vault.
type Client struct {
	base  *url.URL
	token func() (string, error)
	http  *http.Client
}

// maxAnswer bounds what Vault may answer.
const maxAnswer = 1 << 20

// New is a client of the Vault at an address. The token is asked for with each call, so that
// it may change. Redirects are not followed: they would carry the token elsewhere.
func New(address string, token func() (string, error)) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("the address of Vault must be a URL such as https://vault.example.net:8200, not %q", address)
	}
	return &Client{base, token, &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// TokenFile reads a token from a file each time.
func TokenFile(file string) func() (string, error) {
	return func() (string, error) {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("token for Vault: %w", err)
		}
		return strings.TrimSpace(string(data)), nil
	}
}

// Secret reads a field of a secret: the mount of its engine, and its path there.
func (c *Client) Secret(ctx context.Context, mount, secret, field string) (string, error) {
	answer, err := c.call(ctx, http.MethodGet, mount+"/data/"+secret, value.Absent)
	if err != nil {
		return "", fmt.Errorf("secret %s/%s: %w", mount, secret, err)
	}
	v := answer.Path("data", "data", field)
	switch {
	case v.IsAbsent():
		return "", fmt.Errorf("secret %s/%s has no field %q: %w", mount, secret, field, ErrNotFound)
	case v.IsString():
		return v.Text(), nil
	}
	return v.String(), nil
}

// Encrypt encrypts with a key of the transit engine.
func (c *Client) Encrypt(ctx context.Context, key string, text []byte) (string, error) {
	answer, err := c.call(ctx, http.MethodPost, "transit/encrypt/"+key,
		value.Object("plaintext", value.String(base64.StdEncoding.EncodeToString(text))))
	if err != nil {
		return "", err
	}
	return answer.Path("data", "ciphertext").Text(), nil
}

// Decrypt reverses Encrypt.
func (c *Client) Decrypt(ctx context.Context, key, sealed string) ([]byte, error) {
	answer, err := c.call(ctx, http.MethodPost, "transit/decrypt/"+key, value.Object("ciphertext", value.String(sealed)))
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(answer.Path("data", "plaintext").Text())
}

func (c *Client) call(ctx context.Context, method, where string, body value.Value) (value.Value, error) {
	for part := range strings.SplitSeq(where, "/") {
		if part == ".." || part == "." || part == "" {
			return value.Absent, fmt.Errorf("%q is not a path in Vault", where)
		}
	}
	token, err := c.token()
	if err != nil {
		return value.Absent, err
	}
	var in io.Reader
	if !body.IsAbsent() {
		in = bytes.NewReader(body.AppendJSON(nil))
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath("v1", where).String(), in)
	if err != nil {
		return value.Absent, err
	}
	r.Header.Set("X-Vault-Token", token)
	r.Header.Set("X-Vault-Request", "true")
	answer, err := c.http.Do(r)
	if err != nil {
		return value.Absent, fmt.Errorf("vault does not answer: %w", err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return value.Absent, fmt.Errorf("vault's answer: %w", err)
	}
	switch {
	case answer.StatusCode == http.StatusNotFound:
		return value.Absent, ErrNotFound
	case answer.StatusCode != http.StatusOK:
		return value.Absent, fmt.Errorf("vault refuses: status %d", answer.StatusCode) // its text may tell what it should not
	}
	return value.ParseLast(data)
}
