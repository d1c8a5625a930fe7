package server

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Links let one person decide one manual task, once, without a login: whoever holds the link
// acts as that person, with the rights that person has then. What is stored of a link is a
// hash.

// How long links hold.
const (
	linkHolds = 72 * time.Hour
	linkMost  = 30 * 24 * time.Hour
)

// createLink makes a link for {"user", "expires": "24h"}.
func createLink(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	user, err := need(body, "user", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	holds := linkHolds
	if text, err := optionalText(body, "expires"); err != nil {
		return value.Absent, err
	} else if text != "" {
		if holds, err = time.ParseDuration(text); err != nil || holds <= 0 || holds > linkMost {
			return value.Absent, badAt("/expires", "duration", "\"expires\" must be a time such as \"24h\", at most %s, not %q.", linkMost, clip(text))
		}
	}
	ctx := c.Request().Context()
	who, err := c.Auth.Named(ctx, user.Text())
	if err != nil || who.ID == "" || !who.May(auth.WorkTasks) {
		return value.Absent, badAt("/user", "unknown-account", "There is no account %q that may work tasks.", clip(user.Text()))
	}
	st, err := c.job(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	t, s, err := waits(st, c.text("task"))
	if err != nil {
		return value.Absent, err
	}
	if !who.Reaches(st.Job.Groups) || !who.Reaches(st.Machine.WorkedBy(st.Job, t.ID)) {
		return value.Absent, refuse(clash, "%s does not belong to the groups of the task", who.Username)
	}
	token := make([]byte, 32)
	rand.Read(token)
	text := base64.RawURLEncoding.EncodeToString(token)
	expires := c.Now().Add(holds).UnixMilli()
	doc := value.Object("_id", value.String(linkID(text)), "job", value.String(st.Job.ID), "task", value.String(t.ID), "iteration", value.Int(int64(s.Iteration)),
		"user", value.String(who.Username), "expires", value.Int(expires), "by", value.String(c.who.Username))
	if err := c.save(store.Links, "link", doc, store.New); err != nil {
		return value.Absent, err
	}
	c.deed.after = doc.Without("_id")
	return enveloped("Successfully created link", value.Object("path", value.String("/approvals/"+text), "user", value.String(who.Username), "expires", value.Int(expires))), nil
}

func linkID(token string) string {
	sum := sha256.Sum256([]byte("link\x00" + token))
	return hex.EncodeToString(sum[:])
}

// waits finds a manual task that waits for a person.
func waits(st runner.State, id string) (*workflows.Task, *engine.TaskState, error) {
	t, ok := st.Machine.Workflow().Task(id)
	if !ok {
		return nil, nil, &engine.Unknown{Task: id}
	}
	s, _ := st.Machine.Task(st.Job, id)
	if t.Type != workflows.Manual || s.Status != engine.TaskRunning {
		return nil, nil, &engine.Conflict{Reason: "the task is not waiting for a person"}
	}
	return t, s, nil
}

// follow finds what a link is for and makes its person the caller. Links that never were, are
// used up or too old look the same.
func (c *call) follow() (link value.Value, st runner.State, err error) {
	gone := refuse(missing, "the link is not valid, or not any more")
	ctx := c.Request().Context()
	d, err := c.Store.Get(ctx, store.Links, linkID(c.text("token")))
	if errors.Is(err, store.ErrNotFound) {
		return value.Absent, st, gone
	}
	if err != nil {
		return value.Absent, st, err
	}
	if link, err = value.ParseLast(d.Body); err != nil {
		return value.Absent, st, err
	}
	if expires, _ := link.Get("expires").Int(); expires <= c.Now().UnixMilli() {
		return value.Absent, st, gone
	}
	who, err := c.Auth.Named(ctx, link.Get("user").Text())
	if errors.Is(err, auth.ErrNoSession) || err == nil && !who.May(auth.WorkTasks) {
		return value.Absent, st, gone
	}
	if err != nil {
		return value.Absent, st, err
	}
	c.who = who
	c.Set(identityKey, who)
	if st, err = c.job(link.Get("job").Text()); err != nil {
		return value.Absent, st, gone
	}
	iteration, _ := link.Get("iteration").Int()
	if _, s, err := waits(st, link.Get("task").Text()); err != nil || int64(s.Iteration) != iteration {
		return value.Absent, st, gone
	}
	return link, st, nil
}

// getApproval shows what a link is to decide: to browsers as a page.
func getApproval(c *call) (value.Value, error) {
	link, st, err := c.follow()
	if err != nil {
		return value.Absent, err
	}
	t, s, err := waits(st, link.Get("task").Text())
	if err != nil {
		return value.Absent, err
	}
	shown := value.Object("workflow", value.String(st.Job.Name), "description", value.String(st.Job.Description), "task", value.String(t.ID),
		"summary", value.String(t.Summary), "user", link.Get("user"), "expires", link.Get("expires"), "variables", orNull(s.Incoming))
	if !strings.Contains(c.Request().Header.Get(echo.HeaderAccept), echo.MIMETextHTML) {
		return enveloped("Successfully retrieved approval", shown), nil
	}
	in := s.Incoming
	text := func(v value.Value) string {
		if v.IsString() || v.IsNothing() {
			return v.Text()
		}
		return pretty(v)
	}
	return value.Absent, c.approvalPage(map[string]any{
		"Title": orText(in.Get("header").Text(), orText(t.Summary, t.Name)), "Message": in.Get("message").Text(), "Body": text(in.Get("body")),
		"Workflow": st.Job.Name, "User": link.Get("user").Text(), "Yes": orText(in.Get("btn_success").Text(), "Approve"), "No": in.Get("btn_failure").Text(),
	})
}

// decideApproval finishes the task of a link, which is used up by that: {"finish_state",
// "variables"}, or the page's form.
func decideApproval(c *call) (value.Value, error) {
	link, st, err := c.follow()
	if err != nil {
		return value.Absent, err
	}
	data, err := c.decision()
	if err != nil {
		return value.Absent, err
	}
	outcome, err := outcomeOf(data, "")
	if err != nil {
		return value.Absent, err
	}
	c.deed.before = link.Without("_id")
	if _, err := c.finish(st.Job.ID, link.Get("task").Text(), outcome); err != nil {
		return value.Absent, err
	}
	// The task is decided; a link that stays in the store leads nowhere any more.
	used := store.Write{Collection: store.Links, ID: link.Get("_id").Text(), Expect: store.Any}
	if err := c.Store.Commit(c.Request().Context(), store.Batch{used})[0]; err != nil {
		c.Log.Warn("used link not removed", "job", st.Job.ID, "err", err)
	}
	if strings.Contains(c.Request().Header.Get(echo.HeaderAccept), echo.MIMETextHTML) {
		return value.Absent, c.approvalPage(map[string]any{"Title": "Thank you", "Message": "Your decision was stored.", "Workflow": st.Job.Name, "User": link.Get("user").Text()})
	}
	return enveloped("Successfully decided", value.Object("job", value.String(st.Job.ID), "task", link.Get("task"))), nil
}

// decision reads what was decided, from JSON or a form.
func (c *call) decision() (value.Value, error) {
	if isJSON(c.Request()) {
		return c.object()
	}
	data, err := c.bytes()
	if err != nil {
		return value.Absent, err
	}
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return value.Absent, refuse(malformed, "the form cannot be read")
	}
	return value.Object("finish_state", value.String(form.Get("finish_state"))), nil
}

func (c *call) approvalPage(shown map[string]any) error {
	sum := sha256.Sum256([]byte(pageStyle))
	h := c.Response().Header()
	h.Set(echo.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'; form-action 'self'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	h.Set(echo.HeaderReferrerPolicy, "same-origin") // without it the form has no origin
	shown["Style"] = template.CSS(pageStyle)
	var b strings.Builder
	if err := approvalTemplate.Execute(&b, shown); err != nil {
		return err
	}
	return c.HTML(http.StatusOK, b.String())
}

var approvalTemplate = template.Must(template.New("approval").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}}</title><style>{{.Style}}</style></head>
<body><h1>{{.Title}}</h1><p>{{.Message}}</p>{{with .Body}}<pre>{{.}}</pre>{{end}}
{{with .Yes}}<form method="post"><button name="finish_state" value="success">{{.}}</button>
{{with $.No}}<button name="finish_state" value="failure">{{.}}</button>{{end}}</form>{{end}}
<p><small>{{.Workflow}}, as {{.User}}</small></p></body></html>
`))
