package main

import (
	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	internal "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/internal_upstream/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"istio.io/istio/pkg/wellknown"
)

// selectSocket is Envoy's rule for transport_socket_matches: the first entry whose criteria are all in
// the endpoint's metadata, else the cluster's own socket.
func selectSocket(c *cluster.Cluster, metadata *structpb.Struct) *corev3.TransportSocket {
	for _, match := range c.GetTransportSocketMatches() {
		all := true
		for key, want := range match.GetMatch().GetFields() {
			if got, found := metadata.GetFields()[key]; !found || !proto.Equal(got, want) {
				all = false
			}
		}
		if all {
			return match.GetTransportSocket()
		}
	}
	return c.GetTransportSocket()
}

// upstreamTLS is the TLS context of a transport socket, nil for plaintext.
func upstreamTLS(socket *corev3.TransportSocket) *tls.UpstreamTlsContext {
	if socket.GetName() != wellknown.TransportSocketTLS {
		return nil
	}
	context := &tls.UpstreamTlsContext{}
	if err := socket.GetTypedConfig().UnmarshalTo(context); err != nil {
		panic(err)
	}
	return context
}

func transportName(socket *corev3.TransportSocket) string {
	context := upstreamTLS(socket)
	if context == nil {
		return "plaintext"
	}
	secrets := context.GetCommonTlsContext().GetTlsCertificateSdsSecretConfigs()
	switch {
	case len(secrets) == 0:
		return "tls"
	case secrets[0].GetName() == "default":
		return "mtls"
	default:
		return "mtls-user"
	}
}

// unwrap takes the socket out of an internal one, which leads into the HBONE tunnel.
func unwrap(socket *corev3.TransportSocket) (*corev3.TransportSocket, bool) {
	wrapper := &internal.InternalUpstreamTransport{}
	if socket.GetTypedConfig().MessageIs(wrapper) {
		if err := socket.GetTypedConfig().UnmarshalTo(wrapper); err != nil {
			panic(err)
		}
		return wrapper.GetTransportSocket(), true
	}
	return socket, false
}
