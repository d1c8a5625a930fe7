package git

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
)

// bounded ends answers that are larger than a call may fetch.
type bounded struct {
	under *http.Transport
	most  int64
}

func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.under.RoundTrip(r)
	if err == nil {
		response.Body = &boundedBody{response.Body, b.most}
	}
	return response, err
}

// CloseIdleConnections lets go of the connections.
func (b *bounded) CloseIdleConnections() { b.under.CloseIdleConnections() }

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, network.TooMuch("the repository has more bytes than the adapter instance fetches")
	}
	return n, err
}

func (r *repository) transport() (transport.Transport, *transport.Endpoint, transport.AuthMethod, error) {
	at, err := transport.NewEndpoint(r.URL)
	if err != nil {
		return nil, nil, nil, network.Wrong("/url: %v", err)
	}
	if r.User == "" && r.Password == "" {
		return githttp.NewClient(r.http), at, nil, nil
	}
	return githttp.NewClient(r.http), at, &githttp.BasicAuth{Username: r.User, Password: r.Password}, nil
}

// snapshot is what a call works on: the references of the repository and the objects of one commit.
type snapshot struct {
	known   *packp.AdvRefs // nil for an empty repository
	objects *memory.Storage
}

// look asks for the references, and fetches the commit that want chooses among them, if any.
func (r *repository) look(ctx context.Context, want func(*packp.AdvRefs) (plumbing.Hash, error)) (*snapshot, plumbing.Hash, error) {
	s := &snapshot{objects: memory.NewStorage()}
	over, at, auth, err := r.transport()
	if err != nil {
		return s, plumbing.ZeroHash, err
	}
	session, err := over.NewUploadPackSession(at, auth)
	if err != nil {
		return s, plumbing.ZeroHash, err
	}
	defer session.Close()
	s.known, err = session.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		s.known, err = nil, nil
	}
	if err != nil {
		return s, plumbing.ZeroHash, err
	}
	hash, err := want(s.known)
	if err != nil || hash.IsZero() {
		return s, hash, err
	}
	request := packp.NewUploadPackRequestFromCapabilities(s.known.Capabilities)
	request.Wants = []plumbing.Hash{hash}
	if s.known.Capabilities.Supports(capability.Shallow) {
		request.Depth = packp.DepthCommits(1)
		if err := request.Capabilities.Set(capability.Shallow); err != nil {
			return s, hash, err
		}
	}
	answer, err := session.UploadPack(ctx, request)
	if err != nil {
		return s, hash, err
	}
	defer answer.Close()
	var pack io.Reader = answer
	switch {
	case request.Capabilities.Supports(capability.Sideband64k):
		pack = sideband.NewDemuxer(sideband.Sideband64k, answer)
	case request.Capabilities.Supports(capability.Sideband):
		pack = sideband.NewDemuxer(sideband.Sideband, answer)
	}
	return s, hash, packfile.UpdateObjectStorage(s.objects, pack)
}

// push sends objects and moves a branch, unless somebody else has moved it.
func (r *repository) push(ctx context.Context, s *snapshot, objects []plumbing.Hash, branch plumbing.ReferenceName, from, to plumbing.Hash) error {
	over, at, auth, err := r.transport()
	if err != nil {
		return err
	}
	session, err := over.NewReceivePackSession(at, auth)
	if err != nil {
		return err
	}
	defer session.Close()
	known, err := session.AdvertisedReferencesContext(ctx)
	if err != nil && !errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return err
	}
	var capabilities *capability.List
	if known != nil {
		if known.References[branch.String()] != from {
			return errMoved
		}
		capabilities = known.Capabilities
	}
	if capabilities == nil {
		capabilities = capability.NewList()
	}
	request := packp.NewReferenceUpdateRequestFromCapabilities(capabilities)
	request.Commands = []*packp.Command{{Name: branch, Old: from, New: to}}
	reader, writer := io.Pipe()
	request.Packfile = reader
	written := make(chan error, 1)
	go func() {
		_, err := packfile.NewEncoder(writer, s.objects, false).Encode(objects, 10)
		written <- errors.Join(err, writer.CloseWithError(err))
	}()
	report, err := session.ReceivePack(ctx, request)
	_ = reader.Close() // whatever was not read is of no use
	if packed := <-written; err == nil && packed != nil {
		err = packed
	}
	if err == nil && report != nil {
		err = report.Error()
	}
	if err != nil && slices.ContainsFunc([]string{"fetch first", "non-fast-forward", "failed to update ref", "cannot lock ref", "stale info"}, func(text string) bool {
		return strings.Contains(err.Error(), text)
	}) {
		return errMoved
	}
	return err
}

// errMoved says that somebody else was faster.
var errMoved = errors.New("the branch has moved")

// because classifies an error of the library or the way to the server.
func (r *repository) because(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*adapters.Error](err); ok {
		return e
	}
	if ctx.Err() != nil {
		return err
	}
	answered, ok := errors.AsType[*githttp.Err](err)
	switch {
	case errors.Is(err, errMoved):
		return network.Remote(true, "the branch has been moved by others all the time")
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		return network.Refused("%s does not let the adapter instance in", r.URL)
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return network.Remote(false, "there is no repository at %s", r.URL)
	case ok:
		code := answered.StatusCode()
		return network.Remote(code >= 500 || code == http.StatusTooManyRequests, "%s answered %d", r.URL, code)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return network.Unreached(ctx, r.URL, e.Err)
	}
	if network.Down(err) {
		return network.Unreached(ctx, r.URL, err)
	}
	return network.Remote(false, "%s: %v", r.URL, err)
}
