{{- define "imchat-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "imchat-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- /* What lies outside the release's namespace carries its name, so that two releases don't clash. */}}
{{- define "imchat-operator.foreignName" -}}
{{- printf "%s:%s" (include "imchat-operator.fullname" .) .Release.Namespace }}
{{- end }}

{{- define "imchat-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "imchat-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "imchat-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "imchat-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "imchat-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "imchat-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name: name the service account that exists, since serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "imchat-operator.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "imchat-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "imchat-operator.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{- /* Whom the operator asks for figures, and by which files: empty if there is nobody to tell of. */}}
{{- define "imchat-operator.metricSources" -}}
{{- with .Values.metricSources.prometheus }}
prometheus:
{{- range . }}
  - name: {{ .name }}
    url: {{ .url | quote }}
    {{- with .namespaces }}
    namespaces: {{ toJson . }}
    {{- end }}
    {{- include "imchat-operator.files" (dict "folder" .name "entry" .) | indent 4 }}
{{- end }}
{{- end }}
{{- with .Values.gatewayAccess }}
gateways:
{{- range . }}
  - namespace: {{ .namespace }}
    serverName: {{ .serverName | quote }}
    {{- include "imchat-operator.files" (dict "folder" (printf "gateways.%s" .namespace) "entry" .) | indent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "imchat-operator.files" -}}
{{- $folder := .folder }}
{{- with .entry.tokenSecret }}
tokenFile: /etc/imchat/{{ $folder }}/token/{{ .key }}
{{- end }}
{{- with .entry.caConfigMap }}
caFile: /etc/imchat/{{ $folder }}/ca/{{ .key }}
{{- end }}
{{- end }}

{{- define "imchat-operator.mounts" -}}
{{- $folder := .folder }}
{{- with .entry.tokenSecret }}
- secret:
    name: {{ .name }}
    items:
      - key: {{ .key }}
        path: {{ $folder }}/token/{{ .key }}
{{- end }}
{{- with .entry.caConfigMap }}
- configMap:
    name: {{ .name }}
    items:
      - key: {{ .key }}
        path: {{ $folder }}/ca/{{ .key }}
{{- end }}
{{- end }}

{{- /* A manifest of files/ as it stands, with the release's labels and `annotations` for each of its objects. */}}
{{- define "imchat-operator.labelled" -}}
{{- $more := printf "\nmetadata:\n  labels:\n%s\n" (include "imchat-operator.labels" .root | indent 4) }}
{{- with .annotations }}
{{- $more = printf "%s  annotations:\n%s\n" $more (toYaml . | indent 4) }}
{{- end }}
{{- .root.Files.Get .path | replace "\nmetadata:\n" $more }}
{{- end }}
