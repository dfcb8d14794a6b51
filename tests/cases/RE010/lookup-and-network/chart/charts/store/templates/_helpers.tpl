{{- define "store.password" -}}
{{- $made := randAlphaNum
      16 -}}
{{ $made }}{{ randAlphaNum 4 }}
{{- end -}}
