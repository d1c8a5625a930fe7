package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/heddlehq/heddle/server"
	"github.com/heddlehq/heddle/workflows/value"
)

// defaultServer is where a server listens unless told otherwise.
const defaultServer = "http://127.0.0.1:3000"

// remote is how a command reaches a server.
type remote struct {
	server, token string
	asJSON        bool
}

func (r *remote) flags(f *pflag.FlagSet) {
	f.StringVar(&r.server, "server", "", "`URL` of the server; the one of the last login unless given, else "+defaultServer)
	f.StringVar(&r.token, "token", "", "session `token`; the one of the last login unless given")
	f.BoolVar(&r.asJSON, "json", false, "print the server's answer as JSON")
}

// login is what heddle login remembers, readable by the user alone.
type login struct{ server, token string }

func loginFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "heddle", "login.json"), nil
}

func (l login) save() error {
	file, err := loginFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	doc := value.Object("server", value.String(l.server), "token", value.String(l.token))
	return os.WriteFile(file, doc.AppendJSON(nil), 0o600)
}

func readLogin() login {
	file, err := loginFile()
	if err != nil {
		return login{}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return login{}
	}
	v, err := value.Parse(data)
	if err != nil {
		return login{}
	}
	return login{v.Get("server").Text(), v.Get("token").Text()}
}

// client speaks to a server.
type client struct {
	base, token string
	http        *http.Client
	login       func(ctx context.Context) (token string, err error) // renews a session that has ended; nil cannot
	key         string                                              // makes a call that changes something count once however often it is sent; "" does not
	patient     func(error)                                         // told when a call gets no answer, which then is repeated; nil gives up
}

func (r *remote) client() *client {
	l := readLogin()
	c := &client{base: r.server, token: r.token, http: &http.Client{Timeout: 5 * time.Minute}}
	if c.base == "" {
		c.base = l.server
	}
	if c.base == "" {
		c.base = defaultServer
	}
	if !strings.Contains(c.base, "://") {
		c.base = "http://" + c.base
	}
	c.base = strings.TrimRight(c.base, "/")
	if c.token == "" && (l.server == c.base || r.server == "") {
		c.token = l.token
	}
	return c
}

// refusal is an answer that is no success.
type refusal struct {
	status int
	body   value.Value
}

func (e *refusal) Error() string {
	text := e.body.Get("message").Text()
	if text == "" {
		text = http.StatusText(e.status)
	}
	if e.status == http.StatusUnauthorized {
		text += "; log in with: heddle login --user NAME"
	}
	for _, key := range []string{"errors", "validationErrors"} {
		for _, p := range e.body.Path("metadata", key).Elements() {
			where := p.Get("pointer").Text() + p.Get("instancePath").Text()
			text += "\n  " + where + ": " + p.Get("message").Text()
		}
	}
	return text
}

// call sends a request and reads the JSON answer; an answer beyond 2xx is a *refusal.
func (c *client) call(ctx context.Context, method, path string, query url.Values, body value.Value) (value.Value, error) {
	data, err := c.raw(ctx, method, path, query, body)
	if err != nil {
		return value.Absent, err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return value.Null, nil
	}
	return value.ParseLast(data)
}

func (c *client) raw(ctx context.Context, method, path string, query url.Values, body value.Value) ([]byte, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.text(ctx, method, path, body.String())
}

// text sends a body as it is; "" sends none. A client with a login renews its session when
// that has ended, and a patient one asks again until there is an answer.
func (c *client) text(ctx context.Context, method, path, body string) ([]byte, error) {
	renewed, told := false, false
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		data, err := c.once(ctx, method, path, body)
		r, answered := errors.AsType[*refusal](err)
		switch {
		case err == nil || ctx.Err() != nil:
			return data, err
		case answered && r.status == http.StatusUnauthorized && c.login != nil && !renewed:
			if token, err := c.login(ctx); err == nil {
				c.token, renewed = token, true
				continue
			}
			return data, err
		case c.patient == nil || answered && r.status < http.StatusBadGateway:
			return data, err
		case !told:
			c.patient(err)
			told = true
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// grant asks for a token by OAuth 2.
func (c *client) grant(ctx context.Context, form url.Values) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	data, err := c.send(req)
	if err != nil {
		return "", err
	}
	v, err := value.ParseLast(data)
	if err != nil || v.Get("access_token").Text() == "" {
		return "", fmt.Errorf("%s gave no token", c.base)
	}
	return v.Get("access_token").Text(), nil
}

// once sends a body and reads the answer.
func (c *client) once(ctx context.Context, method, path, body string) ([]byte, error) {
	target := c.base + path
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return nil, err
	}
	if reader != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set(server.OnceHeader, c.key)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return c.send(req)
}

func (c *client) send(req *http.Request) ([]byte, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		if _, ok := errors.AsType[*url.Error](err); ok && req.Context().Err() == nil {
			return nil, fmt.Errorf("no answer from %s: %w; is heddle serve running?", c.base, errors.Unwrap(err))
		}
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("answer of %s: %w", c.base, err)
	}
	if resp.StatusCode/100 != 2 {
		v, err := value.ParseLast(data)
		if err != nil {
			v = value.Object("message", value.String(strings.TrimSpace(string(data))))
		}
		return nil, &refusal{resp.StatusCode, v}
	}
	return data, nil
}

func (c *client) get(ctx context.Context, path string, query url.Values) (value.Value, error) {
	return c.call(ctx, http.MethodGet, path, query, value.Absent)
}

func (c *client) post(ctx context.Context, path string, body value.Value) (value.Value, error) {
	return c.call(ctx, http.MethodPost, path, nil, body)
}

func newLogin(c *console) *cobra.Command {
	var user, password string
	r := &remote{}
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Log in to a server and remember the session",
		Long: `Login opens a session and keeps its token in the user's configuration folder, readable by
the user alone. Without --password it is read from standard input.`,
		Example: `  heddle login --user admin --password secret
  echo secret | heddle login --server https://heddle.example.net --user ada`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if user == "" {
				return errors.New("--user is required")
			}
			if password == "" {
				data, err := io.ReadAll(io.LimitReader(c.in, 4096))
				if err != nil {
					return err
				}
				password = strings.TrimRight(string(data), "\r\n")
			}
			cl := r.client()
			cl.token = ""
			token, err := cl.raw(cmd.Context(), http.MethodPost, "/login", nil, value.Object("username", value.String(user), "password", value.String(password)))
			if err != nil {
				return err
			}
			if err := (login{cl.base, string(token)}).save(); err != nil {
				return fmt.Errorf("remember the session: %w", err)
			}
			fmt.Fprintf(c.out, "logged in to %s as %s\n", cl.base, user)
			return nil
		},
	}
	r.flags(cmd.Flags())
	cmd.Flags().StringVar(&user, "user", "", "account `name`")
	cmd.Flags().StringVar(&password, "password", "", "password")
	return cmd
}
