"""File extensions by what is in the file, in lower case and without the dot, and the schemes of addresses.

They are the same on every machine.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TEXT = _words(
    "asc ascii bib brf c cc cls cpp csh css csv csvs cxx d diff dot dsc etx gv h hh hpp hs htc htm html hxx ics ifb java js"
    " ksh lhs log ltx ly manifest markdown md mjs moc n3 p pas patch pl pm pot py pyi roff rst rtx scala sfv sgm sgml sh"
    " shex shtml spdx srt sty t tcl tex text tk tr ts tsv ttl txt uri uris vcard vcf vcs vtt wgsl wml xhtml xml"
)
IMAGE = _words(
    "apng art avci avcs avif b16 bmp btif cdr cgm cr2 crw dds dib djv djvu dng dpx dwg emf erf exr fit fits fpx gif hdr"
    " heic heics heif heifs hif ico ief j2k jfif jls jng jp2 jpe jpeg jpf jpg jpg2 jpgm jph jpm jpx jxl jxr jxs ktx ktx2"
    " nef orf pat pbm pcx pgb pgm png pnm ppm psd ras rgb sgi svg svgz tap tga tif tiff wbmp webp wmf xbm xcf xif xpm xwd"
)
AUDIO = _words(
    "3g2 3gp 3gpp 3gpp2 aac aal ac3 adts aif aifc aiff amr ass at3 au awb axa caf csd dts dtshd eac3 evc flac l16 lbc m3u"
    " m4a mhas mid mlp mp1 mp2 mp3 mpega mpga oga ogg opus orc pls qcp ra ram rm sco sd2 sid smp snd spx uva w64 wav wax"
    " weba wma"
)
VIDEO = _words(
    "3g2 3gp 3gpp 3gpp2 asf asx avi axv dif divx dl dv f4v fli flv fvt gl lsf lsx m1v m2v m4s m4u m4v mj2 mjp2 mk3d mkv"
    " mng mov movie mp4 mpa mpe mpeg mpg mpg4 mpv mxf mxu ogv qt ts uvh uvm uvv viv vob webm wm wmv wmx wvx"
)
MESH = _words(
    "3ds 3dxml 3mf ac ac3d amf ase assimp ast b3d blend bvh cob collada csm ctm dae dxf e57 fbx glb gltf hmp ifc iges igs"
    " iqm lwo lws lxo m3d md2 md3 md5 md5mesh mdc mdl ms3d msh nff nif obj off ogex pcd ply pmd pmx pod q3o q3s raw sib"
    " smd step stl stp ter terragen usd usda usdc usdz vrm vrml vta vtk wrl x x3d xaml xgl xml xyz zae zgl"
)
POINTS = _words(
    "3ds 3mf asc ascii b3dm bin bpf csv ctm dae dp dxf e57 fls glb gltf gpf las laz msh npy npz obj off osgb pcap pcd pdal"
    " pfm ply ply2 pnts pod pods ptg pts ptx rcp stl txt usd usdz wrl x3d xyz xyzn xyzrgb zfs"
)

SCHEMES = _words(
    "abfs abfss adl az data file ftp gcs github gs hdfs hf http https memory oci oss s3 s3a sftp smb ssh webdav webhdfs"
)
